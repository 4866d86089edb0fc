/* Days and times are typed, DD/MM/YYYY HH:MM. The button beside them opens the browser's calendar, which fills them in. */
(() => {
  "use strict";

  if (!("showPicker" in HTMLInputElement.prototype)) {
    return;
  }
  document.documentElement.classList.add("hub-has-calendar");

  const partsOf = (button) => {
    const field = button.closest(".hub-moment");
    return [field.querySelector("input:not(.hub-moment__calendar)"), field.querySelector(".hub-moment__calendar")];
  };

  /* "31/01/2026 14:30" as the calendar wants it; empty where it is not a day. */
  const forCalendar = (text, kind) => {
    const found = text.trim().match(/^(\d{1,2})\/(\d{1,2})\/(\d{4})(?: (\d{1,2}):(\d{2}))?$/);
    if (!found) {
      return "";
    }
    const [day, month, hour, minute] = [1, 2, 4, 5].map((part) => (found[part] || "0").padStart(2, "0"));
    return `${found[3]}-${month}-${day}` + (kind === "date" ? "" : `T${hour}:${minute}`);
  };

  const asTyped = (value) => {
    const [day, time] = value.split("T");
    return day.split("-").reverse().join("/") + (time ? ` ${time.slice(0, 5)}` : "");
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".hub-moment__pick");
    if (!button) {
      return;
    }
    const [text, calendar] = partsOf(button);
    calendar.value = forCalendar(text.value, calendar.type);
    calendar.showPicker();
  });

  /* Before the form hears of it: what has changed is the field that is sent. */
  document.addEventListener(
    "change",
    (event) => {
      if (!event.target.matches(".hub-moment__calendar")) {
        return;
      }
      event.stopPropagation();
      const [text] = partsOf(event.target);
      text.value = event.target.value ? asTyped(event.target.value) : "";
      text.dispatchEvent(new Event("change", { bubbles: true }));
    },
    true,
  );
})();
