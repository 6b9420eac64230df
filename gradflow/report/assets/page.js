"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map();

  // The colours of a chart are signals, so that one can take others at once, as a printer needs it.
  function tones() {
    const style = getComputedStyle(root), tone = (name) => style.getPropertyValue(name).trim();
    return { inkTone: tone("--ink"), softTone: tone("--soft"), gridTone: tone("--grid") };
  }

  function look() {
    const ink = { expr: "inkTone" }, soft = { expr: "softTone" };
    const text = { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
    return {
      params: Object.entries(tones()).map(([name, value]) => ({ name, value })),
      background: null,
      font: getComputedStyle(document.body).fontFamily,
      view: { stroke: null },
      axis: { ...text, gridColor: { expr: "gridTone" }, domainColor: soft, tickColor: soft, labelOverlap: true, tickCount: 6 },
      legend: { ...text, layout: { top: { direction: "vertical", anchor: "start" } } },
    };
  }

  async function draw(figure) {
    const options = {
      ast: true, actions: false, defaultStyle: false, config: look(),
      renderer: figure.dataset.renderer, tooltip: { theme: "page", disableDefaultStyle: true },
    };
    drawn.set(figure, await vegaEmbed(figure.querySelector(".plot"), specs[figure.dataset.chart], options));
    mark(figure);
  }

  function mark(figure) {
    figure.dataset.drawn = dark.matches && !root.classList.contains("printed") ? "dark" : "light";
  }

  function paint() {
    for (const [figure, { view }] of drawn) {
      for (const [name, value] of Object.entries(tones())) view.signal(name, value);
      view.run();
      mark(figure);
    }
  }

  // On paper everything is open, in the colours of paper, and no table wider than that, which would cut it off.
  const PAPER = 700; // pixels between the margins of A4, the narrowest
  let closed = [];
  function zoom(size) {
    for (const table of document.querySelectorAll(".scroll table")) table.style.zoom = size(table);
  }
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const details of closed) details.open = true;
    root.classList.add("printed");
    zoom((table) => Math.min(1, PAPER / table.offsetWidth));
    paint();
  });
  addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
    root.classList.remove("printed");
    zoom(() => "");
    paint();
  });

  dark.addEventListener("change", paint);
  window.gradflowCharts = drawn;
  document.querySelectorAll("figure[data-chart]").forEach(draw);

  // Numbers are sorted by sign and power of ten, so that 1e-3043 is below 1e-400 and not equal to it.
  function size(text) {
    const found = /^([-+\u2212]?)([\d.,]+)(?:e([-+]?\d+))?/.exec(text);
    if (!found) return null;
    const digits = Number(found[2].replaceAll(",", ""));
    const power = digits === 0 ? 0 : Math.log10(digits) + Number(found[3] || 0) + 1e6;
    return found[1] && found[1] !== "+" ? -power : power;
  }

  // What a cell says: its rank (0 a number, 1 a word, 2 nothing) and what it is sorted by among its like.
  // Of an interval of factors (0.67 to 1.2) that is the middle of their logs, where c itself lies.
  function told(cell) {
    const text = cell.textContent.trim(), [low, high] = text.split(" to ").map(size);
    if (low === null) return { rank: /^(-|null)?$/.test(text) ? 2 : 1, text };
    return { rank: 0, size: low > 0 && high > 0 ? (low + high) / 2 : low };
  }

  // Ranks stand in their order in a falling column too, as what is missing does in `gradflow compare --sort`.
  function compare(a, b, sign) {
    const [x, y] = [told(a), told(b)];
    if (x.rank !== y.rank) return x.rank - y.rank;
    return sign * (x.rank ? x.text.localeCompare(y.text, "en", { numeric: true }) : x.size - y.size);
  }

  function sort(header) {
    const table = header.closest("table"), body = table.tBodies[0];
    const way = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", way);
    const sign = way === "ascending" ? 1 : -1, column = header.cellIndex;
    const rows = [...body.rows].sort((a, b) => compare(a.cells[column], b.cells[column], sign));
    body.append(...rows);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("th button");
    if (button) sort(button.closest("th"));
  });
})();
