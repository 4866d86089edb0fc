/* Draws what the page carries as JSON: <canvas data-chart="line" data-source="id of a json_script">.
   The same figures stand in a table beside each chart, for those who cannot see it. */
(() => {
  "use strict";

  const palette = ["#6366f1", "#0fa3a3", "#f59e0b", "#ef5da8", "#22a06b", "#3b82f6", "#a855f7", "#94a3b8"];
  const tones = { primary: palette[0], success: "#22a06b", danger: "#e5484d", warning: "#f59e0b", accent: palette[1] };

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const dataset = (series, kind, index) => {
    const colour = tones[series.tone] || palette[index % palette.length];
    const base = { label: series.label, data: series.values };
    if (kind === "doughnut") {
      return { ...base, backgroundColor: palette, borderWidth: 0, hoverOffset: 6 };
    }
    if (kind === "bar") {
      return { ...base, backgroundColor: `${colour}cc`, borderRadius: 6, maxBarThickness: 28 };
    }
    return { ...base, borderColor: colour, backgroundColor: `${colour}22`, fill: true, tension: 0.35, pointRadius: 0, pointHitRadius: 12, borderWidth: 2 };
  };

  const options = (kind, rtl) => {
    const muted = style("--hub-muted") || "#64748b";
    const legend = { rtl, labels: { color: muted, usePointStyle: true, boxHeight: 7, boxWidth: 7 }, position: kind === "doughnut" ? "bottom" : "top", align: "start" };
    const common = { responsive: true, maintainAspectRatio: false, animation: false, plugins: { legend, tooltip: { rtl } } };
    if (kind === "doughnut") {
      return { ...common, cutout: "68%" };
    }
    const axis = { ticks: { color: muted, maxRotation: 0, autoSkipPadding: 16 }, border: { display: false } };
    return {
      ...common,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: { ...axis, reverse: rtl, grid: { display: false } },
        y: { ...axis, position: rtl ? "right" : "left", beginAtZero: true, grid: { color: style("--hub-line") }, ticks: { ...axis.ticks, precision: 0 } },
      },
    };
  };

  const draw = (canvas) => {
    const source = document.getElementById(canvas.dataset.source);
    if (!source) {
      return;
    }
    const figures = JSON.parse(source.textContent);
    const kind = canvas.dataset.chart;
    const rtl = document.documentElement.dir === "rtl";
    const drawn = Chart.getChart(canvas);
    if (drawn) {
      drawn.destroy();
    }
    new Chart(canvas, {
      type: kind,
      data: { labels: figures.labels, datasets: figures.series.map((series, index) => dataset(series, kind, index)) },
      options: options(kind, rtl),
    });
  };

  const drawAll = (root) => root.querySelectorAll("canvas[data-chart]").forEach(draw);

  document.addEventListener("DOMContentLoaded", () => drawAll(document));
  document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
  new MutationObserver(() => drawAll(document)).observe(document.documentElement, { attributeFilter: ["class"] });
})();
