"use strict";
const drawn = [];

// The vertical line from the lower to the upper end of an interval, with caps.
function interval(params, api) {
  const low = api.coord([api.value(0), api.value(1)]);
  const high = api.coord([api.value(0), api.value(2)]);
  const style = { stroke: api.visual("color"), lineWidth: 1.2, fill: null };
  const cap = (y) => ({ type: "line", style, shape: { x1: low[0] - 4, x2: low[0] + 4, y1: y, y2: y } });
  return {
    type: "group",
    children: [
      { type: "line", style, shape: { x1: low[0], x2: low[0], y1: low[1], y2: high[1] } },
      cap(low[1]),
      cap(high[1]),
    ],
  };
}

function coloured(option) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim();
  const grid = style.getPropertyValue("--line").trim();
  const filled = JSON.parse(
    JSON.stringify(option).replaceAll('"$ink"', JSON.stringify(ink)).replaceAll('"$grid"', JSON.stringify(grid)),
  );
  for (const series of filled.series) {
    if (series.type === "custom") series.renderItem = interval;
  }
  return filled;
}

function draw(id, option) {
  const chart = echarts.init(document.getElementById(id), null, { renderer: "svg" });
  chart.setOption(coloured(option));
  drawn.push({ chart, option });
}

const redraw = () => drawn.forEach(({ chart, option }) => {
  chart.resize();
  chart.setOption(coloured(option), true);
});
addEventListener("resize", redraw);
addEventListener("beforeprint", redraw);
addEventListener("afterprint", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

// A click on a column's name sorts by it; another one turns the order round.
addEventListener("click", (event) => {
  const head = event.target.closest("th");
  if (!head || !event.target.closest("button")) return;
  const up = head.getAttribute("aria-sort") !== "ascending";
  const table = head.closest("table");
  for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const column = head.cellIndex;
  const numeric = head.classList.contains("number");
  const value = (row) => {
    const text = row.cells[column].textContent;
    if (!numeric) return text;
    return text === "" ? -Infinity : parseFloat(text);
  };
  const order = (a, b) => {
    const left = value(a);
    const right = value(b);
    return (left < right ? -1 : left > right ? 1 : 0) * (up ? 1 : -1);
  };
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort(order));
});
