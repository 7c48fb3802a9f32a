// What scrolls by itself can be reached with the keyboard: code, tables, formulas and pictures that are wider than the page.
const scrolls = "pre, .table-wrapper, .formulas > span, div.math, mjx-container, .viz-picture > div, .cell_output > div, .cell_output div";
const reach = () => {
  for (const part of document.querySelectorAll(scrolls)) {
    const moves = ["auto", "scroll"].includes(getComputedStyle(part).overflowX) && part.scrollWidth > part.clientWidth;
    if (moves && part.tabIndex < 0) { part.tabIndex = 0; part.dataset.reached = "" }
    else if (!moves && "reached" in part.dataset) { part.removeAttribute("tabindex"); delete part.dataset.reached }
  }
};
addEventListener("load", () => (window.MathJax?.startup?.promise ?? Promise.resolve()).then(reach));
addEventListener("resize", reach);
