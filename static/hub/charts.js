/* Draws what the page carries as JSON: <canvas data-chart="line" data-source="id of a json_script">.
   The same figures stand in a table beside each chart, for those who cannot see it. On paper, colours become hatchings. */
(() => {
  "use strict";

  const root = document.documentElement;
  const onPaper = ["#3730a3", "#0f766e", "#9a5b00", "#9d174d", "#14532d", "#1e40af", "#6b21a8", "#475569"];
  const dashes = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
  const points = ["circle", "rectRot", "triangle", "rect"];
  const slotOf = { primary: 1, accent: 2, warning: 3, success: 5 };
  let printing = false;

  const style = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const colourAt = (index) => (printing ? onPaper[index % 8] : style(`--hub-chart-${(index % 8) + 1}`) || onPaper[index % 8]);
  const colourOf = (tone, index) => {
    if (tone === "danger") return printing ? "#7f1d1d" : style("--hub-chart-danger") || "#c62a21";
    if (tone === "faint") return printing ? "#6b7280" : style("--hub-chart-faint") || "#8389a8";
    return colourAt(slotOf[tone] ? slotOf[tone] - 1 : index);
  };

  const strokes = [
    [], [[0, 8, 8, 0]], [[0, 4, 8, 4]], [[0, 0, 8, 8]], [[4, 0, 4, 8]], [[0, 4, 8, 4], [4, 0, 4, 8]], [[0, 8, 8, 0], [0, 0, 8, 8]], [[0, 2, 8, 2], [0, 6, 8, 6]],
  ];

  const hatched = (colour, index) => {
    if (!printing || index % 8 === 0) return colour;
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const ink = tile.getContext("2d");
    ink.fillStyle = "#fff";
    ink.fillRect(0, 0, 8, 8);
    ink.strokeStyle = colour;
    ink.lineWidth = 1.6;
    strokes[index % 8].forEach(([x1, y1, x2, y2]) => { ink.beginPath(); ink.moveTo(x1, y1); ink.lineTo(x2, y2); ink.stroke(); });
    return ink.createPattern(tile, "repeat");
  };

  const locale = root.lang.startsWith("ar") ? "ar-AE-u-nu-latn" : "en";
  const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  const short = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
  const inUnit = (value, unit) => (unit ? `${numbers.format(value)} ${unit}` : numbers.format(value));

  const dataset = (series, kind, index) => {
    const colour = colourOf(series.tone, index);
    const data = series.values.map((value) => (value === null ? null : Number(value)));
    const base = { label: series.label, data };
    if (kind === "doughnut") {
      const slices = data.map((_, slice) => hatched(colourAt(slice), slice));
      return { ...base, backgroundColor: slices, borderColor: printing ? "#000" : style("--hub-solid") || "#fff", borderWidth: printing ? 1 : data.length > 1 ? 2 : 0, hoverOffset: 6 };
    }
    if (kind === "bar") {
      return { ...base, backgroundColor: hatched(colour, index), borderColor: colour, borderWidth: printing ? 1 : 0, borderRadius: 4, maxBarThickness: 28 };
    }
    return {
      ...base, borderColor: colour, backgroundColor: printing ? "transparent" : `${colour}1f`, fill: !printing, borderDash: dashes[index % 4], pointStyle: points[index % 4],
      tension: 0.3, pointRadius: data.length > 1 ? 0 : 4, pointHitRadius: 12, pointBackgroundColor: colour, borderWidth: 2,
    };
  };

  // What the whole ring stands for, in its middle.
  const total = {
    id: "total",
    afterDraw(chart) {
      if (chart.config.type !== "doughnut" || !chart.chartArea) return;
      const { left, right, top, bottom } = chart.chartArea;
      const sum = chart.data.datasets[0].data.reduce((all, value) => all + value, 0);
      const ink = chart.ctx;
      ink.save();
      ink.fillStyle = printing ? "#000" : style("--hub-text") || "#111";
      ink.font = `650 22px ${getComputedStyle(document.body).fontFamily}`;
      ink.textAlign = "center";
      ink.textBaseline = "middle";
      ink.fillText(numbers.format(sum), (left + right) / 2, (top + bottom) / 2);
      ink.restore();
    },
  };

  // The topmost number of an axis stands half above it: not in the legend.
  const room = {
    id: "room",
    beforeInit({ legend }) {
      const fit = legend?.fit;
      if (!fit) return;
      legend.fit = function () {
        fit.call(this);
        if (this.options.position === "top") this.height += 8;
      };
    },
  };

  const options = (kind, figures, rtl) => {
    const muted = printing ? "#222" : style("--hub-muted") || "#64748b";
    const legend = { rtl, labels: { color: muted, usePointStyle: kind !== "bar", boxHeight: kind === "bar" ? 10 : 7, boxWidth: kind === "bar" ? 14 : 7, padding: 14 }, position: kind === "doughnut" ? "bottom" : "top", align: "start", display: kind === "doughnut" || figures.stacked || figures.series.length > 1 };
    const told = (item) => `${kind === "doughnut" ? item.label : item.dataset.label}: ${inUnit(item.raw, figures.unit)}`;
    const heading = (items) => (items.length && figures.names ? figures.names[items[0].dataIndex] : items[0]?.label);
    const tooltip = { rtl, textDirection: rtl ? "rtl" : "ltr", callbacks: { label: told, title: kind === "doughnut" ? () => "" : heading } };
    const common = { responsive: true, maintainAspectRatio: false, animation: false, plugins: { legend, tooltip } };
    if (kind === "doughnut") return { ...common, cutout: "66%", radius: "92%" };
    const upright = !figures.horizontal;
    const axis = { stacked: Boolean(figures.stacked), border: { display: false } };
    const labels = { ...axis, grid: { display: false }, ticks: { color: muted, maxRotation: 0, autoSkip: upright, autoSkipPadding: 16 } };
    const values = { ...axis, beginAtZero: true, grid: { color: printing ? "#ddd" : style("--hub-line") }, ticks: { color: muted, maxTicksLimit: 7, precision: figures.unit ? undefined : 0, callback: (value) => short.format(value) }, title: { display: Boolean(figures.unit), text: figures.unit, color: muted } };
    const [x, y] = upright ? [labels, values] : [values, labels];
    return { ...common, indexAxis: upright ? "x" : "y", interaction: { mode: "index", axis: upright ? "x" : "y", intersect: false }, scales: { x: { ...x, reverse: rtl }, y: { ...y, position: rtl ? "right" : "left" } } };
  };

  const draw = (canvas) => {
    const source = document.getElementById(canvas.dataset.source);
    if (!source) return;
    const figures = JSON.parse(source.textContent);
    const kind = canvas.dataset.chart;
    Chart.getChart(canvas)?.destroy();
    new Chart(canvas, {
      type: kind,
      data: { labels: figures.labels, datasets: figures.series.map((series, index) => dataset(series, kind, index)) },
      options: options(kind, figures, root.dir === "rtl"),
      plugins: [total, room],
    });
  };

  const drawAll = (within) => within.querySelectorAll("canvas[data-chart]").forEach(draw);
  const redrawFor = (paper) => () => { printing = paper; drawAll(document); };

  // A refresh leaves open what a reader has opened.
  let open = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    open = event.target.matches?.("[data-keeps-open]") ? [...event.target.querySelectorAll("details[open][id]")].map((one) => one.id) : [];
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    open = [];
    drawAll(event.target);
  });
  document.addEventListener("DOMContentLoaded", () => drawAll(document));
  addEventListener("beforeprint", redrawFor(true));
  addEventListener("afterprint", redrawFor(false));
  new MutationObserver(() => drawAll(document)).observe(root, { attributeFilter: ["class"] });
})();
