"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map();

  function look() {
    const style = getComputedStyle(document.documentElement);
    const tone = (name) => style.getPropertyValue(name).trim();
    const text = { labelColor: tone("--ink"), titleColor: tone("--ink"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
    return {
      background: null,
      font: getComputedStyle(document.body).fontFamily,
      view: { stroke: null },
      axis: { ...text, gridColor: tone("--grid"), domainColor: tone("--soft"), tickColor: tone("--soft"), labelOverlap: true, tickCount: 6 },
      legend: { ...text, layout: { top: { direction: "vertical", anchor: "start" } } },
    };
  }

  async function draw(figure) {
    const old = drawn.get(figure);
    if (old) old.finalize();
    const options = {
      ast: true, actions: false, defaultStyle: false, config: look(),
      renderer: figure.dataset.renderer, tooltip: { theme: "page", disableDefaultStyle: true },
    };
    const result = await vegaEmbed(figure.querySelector(".plot"), specs[figure.dataset.chart], options);
    drawn.set(figure, result);
    figure.dataset.drawn = dark.matches ? "dark" : "light";
  }

  const figures = [...document.querySelectorAll("figure[data-chart]")];
  const all = () => Promise.all(figures.map(draw));
  dark.addEventListener("change", all);
  window.gradflowCharts = drawn;
  all();

  // Numbers are sorted by sign and power of ten, so that 1e-3043 is below 1e-400 and not equal to it.
  function key(cell) {
    const found = /^([-+\u2212]?)([\d.,]+)(?:e(-?\d+))?/.exec(cell.textContent.trim());
    if (!found) return null;
    const digits = Number(found[2].replaceAll(",", ""));
    const size = digits === 0 ? 0 : Math.log10(digits) + Number(found[3] || 0) + 1e6;
    return found[1] && found[1] !== "+" ? -size : size;
  }

  function compare(a, b) {
    const [x, y] = [key(a), key(b)];
    if (x !== null && y !== null) return x - y;
    if (x !== null || y !== null) return x === null ? 1 : -1;
    return a.textContent.localeCompare(b.textContent);
  }

  function sort(header) {
    const table = header.closest("table"), body = table.tBodies[0];
    const way = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", way);
    const sign = way === "ascending" ? 1 : -1, column = header.cellIndex;
    const rows = [...body.rows].sort((a, b) => sign * compare(a.cells[column], b.cells[column]));
    body.append(...rows);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("th button");
    if (button) sort(button.closest("th"));
  });
})();
