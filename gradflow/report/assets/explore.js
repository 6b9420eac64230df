"use strict";
(() => {
  const theory = JSON.parse(document.getElementById("theory").textContent);
  const grid = theory.grid, keys = ["activation", "sigma_w", "sigma_b", "depth"];
  const at = (id) => document.getElementById(id);
  const tables = new Map();

  // The tables are read as they were packed: planes of bytes, signs, differences; then steps, floats or words.
  async function inflate(text) {
    const packed = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  function summed(values, shape, axis) {
    const stride = shape.slice(axis + 1).reduce((a, b) => a * b, 1), length = shape[axis] * stride;
    for (let i = 0; i < values.length; i++) if (i % length >= stride) values[i] += values[i - stride];
  }

  function read(bytes, start, table) {
    const size = table.shape.reduce((a, b) => a * b, 1), values = new Float64Array(size);
    for (let k = table.planes - 1; k >= 0; k--) {
      for (let i = 0; i < size; i++) values[i] = 256 * values[i] + bytes[start + k * size + i];
    }
    for (let i = 0; i < size; i++) values[i] = values[i] % 2 ? -(values[i] + 1) / 2 : values[i] / 2;
    for (const axis of [...table.axes].reverse()) summed(values, table.shape, axis);
    return table.float ? new Float32Array(Int32Array.from(values).buffer) : values;
  }

  async function load() {
    const bytes = await inflate(theory.bytes);
    let start = 0;
    for (const table of theory.tables) {
      tables.set(table.name, { ...table, values: read(bytes, start, table) });
      start += table.planes * table.shape.reduce((a, b) => a * b, 1);
    }
  }

  function look(name, ...place) {
    const table = tables.get(name);
    const index = place.reduce((sum, one, axis) => sum * table.shape[axis] + one, 0), value = table.values[index];
    return table.words ? table.words[value] : table.step ? table.step * value : value;
  }

  // What theory says at a place of the sliders. A ratio of norms is a difference of logs, c the mean of one.
  function expected(place) {
    const [a, w, b, d] = keys.map((key) => place[key]), depth = grid.depth[d], first = theory.first[d];
    const gradient = (layer) => look("gradient", a, layer - 1, w, b);
    const of = (name) => look(name, a, w, b), there = (name) => look(name, a, d, w, b);
    const fitted = gradient(first) - gradient(depth), width = there("width"), factors = depth - first;
    const found = { depth, verdict: there("verdict"), trains: there("trains"), score: there("score") };
    found.log10_gradient = Array.from({ length: depth }, (_, i) => gradient(i + 1) - gradient(depth));
    found.log10_ratio = found.log10_gradient[0] + width + there("width_before");
    found.c = 10 ** (fitted / factors);
    found.log10_c = (fitted + width) / factors;
    found.c_finite_width = 10 ** found.log10_c;
    for (const name of ["c_asymptotic", "xi", "xi_c", "q_star", "critical_sigma_w", "phase", "reason"]) found[name] = of(name);
    return found;
  }

  function short(value) {
    if (Number.isNaN(value)) return "none";
    const size = Math.abs(value);
    return size === 0 || (size >= 1e-3 && size < 1e4) ? value.toPrecision(3) : value.toExponential(1).replace("e+", "e");
  }

  function power(decades) {
    if (decades >= -3 && decades < 4) return decades >= 1.998 ? (10 ** decades).toFixed(0) : (10 ** decades).toPrecision(2);
    const whole = Math.floor(decades), digit = Math.round(10 ** (decades - whole));
    return digit === 10 ? `1e${whole + 1}` : `${digit}e${whole}`;
  }

  const signed = (decades) => (Math.abs(decades) < 0.05 ? "0.0" : (decades > 0 ? "+" : "") + decades.toFixed(1));

  // A number that is shown with few digits carries all of them.
  function exact(name, value, text) {
    const node = document.createElement("data");
    Object.assign(node, { id: name, value: String(value), textContent: text });
    return node;
  }

  function facts(one) {
    const number = (name, text) => exact(name, one[name], text || short(one[name]));
    const raised = one.depth * one.log10_c, none = (name, words) => (Number.isNaN(one[name]) ? words : short(one[name]));
    return [
      ["c", number("c_finite_width"), " at this width, ", number("c"), " of infinite width, ", number("c_asymptotic"), " in infinite depth"],
      ["c^L", `c^${one.depth} = `, exact("log10_power", raised, power(raised))],
      ["ratio", number("log10_ratio", power(one.log10_ratio)), ` from layer ${one.depth} to layer 1, ${signed(one.log10_ratio)} decades`],
      ["trains", `${one.trains}; `, number("score", one.score.toFixed(2)), " of such networks did, at the best of several learning rates of sgd"],
      ["xi", number("xi", none("xi", "infinite")), one.xi < 0 ? " layers: a squared gradient grows by e in as many" : " layers, in which a squared gradient shrinks by e"],
      ["xi_c", number("xi_c", none("xi_c", "none")), " layers, in which two samples come closer to being as alike as they become"],
      ["q*", number("q_star", none("q_star", "none: q grows without bound"))],
      ["phase", one.phase],
      ["critical sigma_w", number("critical_sigma_w", none("critical_sigma_w", "none"))],
    ];
  }

  function sentence(one) {
    const does = one.verdict === "exploding" ? "multiply the gradient by" : "pass";
    const what = one.verdict === "exploding" ? "" : " of the gradient";
    const factors = one.depth === 2 ? "1 factor" : `${one.depth - 1} factors`;
    return `${one.verdict}: each layer is expected to ${does} ${short(one.c_finite_width)}${what}; ` +
      `from layer ${one.depth} to layer 1, ${factors}: ${power(one.log10_ratio)} (${signed(one.log10_ratio)} decades)`;
  }

  const SVG = "http://www.w3.org/2000/svg";
  function mark(kind, attributes, text) {
    const node = document.createElementNS(SVG, kind);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function ticks(low, high, most) {
    const steps = [1, 2, 5, 10, 20, 50, 100], step = steps.find((one) => (high - low) / one <= most) || 200;
    const found = [];
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) found.push(value);
    return found;
  }

  function draw(one) {
    const svg = at("profile"), width = svg.clientWidth, height = svg.clientHeight, y0 = height - 40, x0 = 52;
    const low = Math.min(...one.log10_gradient, -1.25 * theory.stable), high = Math.max(...one.log10_gradient, 1.25 * theory.stable);
    const x = (layer) => x0 + ((width - 14 - x0) * (layer - 1)) / (one.depth - 1);
    const y = (decades) => y0 - ((y0 - 10) * (decades - low)) / (high - low);
    const line = (kind, x1, y1, x2, y2) => mark("line", { class: kind, x1, y1, x2, y2 });
    const marks = [mark("rect", { class: "band", x: x0, width: width - 14 - x0, y: y(theory.stable), height: y(-theory.stable) - y(theory.stable) })];
    for (const decades of ticks(low, high, 8)) {
      marks.push(line("grid", x0, y(decades), width - 14, y(decades)));
      marks.push(mark("text", { x: x0 - 8, y: y(decades) + 4, "text-anchor": "end" }, power(decades)));
    }
    const layers = [1, ...ticks(2, one.depth - 1, width < 500 ? 5 : 9).filter((layer) => x(layer) - x0 > 30 && x(one.depth) - x(layer) > 30), one.depth];
    for (const layer of layers) marks.push(mark("text", { x: x(layer), y: y0 + 18, "text-anchor": "middle" }, layer));
    marks.push(mark("text", { x: (x0 + width) / 2, y: height - 6, "text-anchor": "middle" }, "layer"), line("axis", x0, y0, width - 14, y0));
    const points = one.log10_gradient.map((decades, i) => `${x(i + 1).toFixed(1)},${y(decades).toFixed(1)}`);
    const drawn = mark("g", { class: one.verdict });
    drawn.append(mark("polyline", { class: "line", points: points.join(" ") }), mark("circle", { class: "dot", r: 4, cx: x(1), cy: y(one.log10_gradient[0]) }));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren(...marks, drawn);
  }

  function rows(one) {
    return one.log10_gradient.map((decades, i) => {
      const row = document.createElement("tr"), cells = [document.createElement("td"), document.createElement("td")];
      for (const cell of cells) cell.className = "number";
      cells[0].textContent = i + 1;
      cells[1].append(exact("", decades, decades.toFixed(4)));
      row.append(...cells);
      return row;
    });
  }

  function show() {
    const place = Object.fromEntries(keys.map((key) => [key, Number(at(key).value)])), one = expected(place);
    for (const key of keys.slice(1)) {
      const value = String(grid[key][place[key]]);
      at(key).setAttribute("aria-valuetext", value);
      document.querySelector(`output[for=${key}]`).textContent = value;
    }
    at("verdict").className = `badge ${one.verdict}`;
    at("verdict").textContent = one.verdict;
    at("said").textContent = sentence(one);
    at("reason").textContent = one.reason ? `Note: ${one.reason}.` : "";
    at("command").textContent = `gradflow theory ${keys.map((key) => `${key}=${grid[key][place[key]]}`).join(" ")}`;
    at("facts").replaceChildren(...facts(one).flatMap(([name, ...parts]) => {
      const label = document.createElement("dt"), told = document.createElement("dd");
      label.textContent = name;
      told.append(...parts);
      return [label, told];
    }));
    at("layers").replaceChildren(...rows(one));
    draw(one);
  }

  function begin() {
    at("activation").append(...grid.activation.map((name, i) => new Option(name, i)));
    const start = { activation: "tanh", sigma_w: 1.5, sigma_b: 0.1, depth: 50 };
    for (const key of keys) {
      if (key !== "activation") Object.assign(at(key), { min: 0, max: grid[key].length - 1, step: 1 });
      at(key).value = Math.max(0, grid[key].indexOf(start[key]));
    }
    at("controls").addEventListener("input", show);
    at("controls").addEventListener("submit", (event) => event.preventDefault());
    new ResizeObserver(show).observe(at("profile"));
    show();
    document.body.dataset.ready = "yes";
  }

  load().then(begin);
})();
