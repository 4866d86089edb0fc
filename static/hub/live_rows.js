/* <tbody data-rows-at-most="500">: a list that new rows come into lets go of its oldest. */
(() => {
  "use strict";

  document.addEventListener("htmx:afterSettle", () => {
    for (const body of document.querySelectorAll("[data-rows-at-most]")) {
      const rows = [...body.rows];
      for (const row of rows.slice(Number(body.dataset.rowsAtMost))) {
        row.remove();
      }
    }
  });
})();
