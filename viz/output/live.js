// Gives each picture of the page that has none a bar of controls: it is zoomed, scrolled, searched, and its frames are
// closed and opened; where steps are folded it has the drawing with the folds opened as well. It reads what the picture shows, and writes text alone, so no name in a picture can run.
"use strict";
(() => {
  const STYLE = `
    :host { display: block; font: 14px/1.3 Helvetica, Arial, sans-serif; margin: 0 0 4px }
    .bar { display: flex; flex-wrap: wrap; gap: 4px 6px; align-items: center; position: relative }
    button, summary, input[type=search] { font: inherit; color: inherit; background: transparent; border: 1px solid; border-color: #8884;
      border-radius: 6px; min-height: 30px; min-width: 30px; padding: 0 8px; box-sizing: border-box; cursor: pointer }
    input[type=search] { width: 9em; cursor: text } label.find { display: flex; gap: 6px; align-items: center }
    summary { display: flex; align-items: center; list-style: none } summary::before { content: "▸\\00a0" } details[open] summary::before { content: "▾\\00a0" }
    summary::-webkit-details-marker { display: none }
    button:hover, summary:hover { border-color: currentColor } :focus-visible { outline: 3px solid #4BA3DC; outline-offset: 1px }
    .parts { position: absolute; z-index: 3; top: 100%; left: 0; max-height: 16em; max-width: 100%; overflow: auto; padding: 6px 10px; box-sizing: border-box;
      background: Canvas; color: CanvasText; border: 1px solid #888; border-radius: 6px; box-shadow: 0 4px 14px #0004 }
    .parts label { display: flex; gap: 8px; align-items: center; min-height: 28px; white-space: nowrap }
    .found { min-width: 6em } @media print { :host { display: none } }`;
  const CLOSER = 1.3, SMALL = 600, READABLE = 1, LEAST = 0.53; // pixels a point, on a screen narrower than SMALL and on others
  const KIND = ".node, .edge, .curve, .frame";

  function make(tag, properties = {}, ...inside) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...inside);
    return element;
  }

  function plain(text) { // as it is typed: C₂ is C2, and so is c_2
    return text.normalize("NFKD").replace(/[_\s]/g, "").toLowerCase();
  }

  const nameOf = (mark) => ["tspan", "text", "title"].map((tag) => mark.querySelector(tag)?.textContent.trim()).find(Boolean) ?? "part";

  function wire(picture, opening) {
    const frame = picture.querySelector("div"), svg = frame?.querySelector("svg");
    if (!svg || !svg.viewBox.baseVal.width) return;
    const { width: wide, height: high } = svg.viewBox.baseVal;
    const title = svg.querySelector("title")?.textContent || "Picture";
    let scale = 0, asked = false; // pixels a point; whether that is what somebody chose

    // Zoom: the drawing gets wider in a frame that scrolls, so that hands and keys pan it as they do any page

    const fitting = () => Math.min(frame.clientWidth / wide, 4 / 3);
    function show(next) {
      scale = Math.min(Math.max(next, Math.min(fitting(), 0.05)), 8);
      const above = scale > fitting() * 1.001;
      Object.assign(svg.style, { width: `${scale * wide}px`, maxWidth: "none", minWidth: "0" });
      frame.style.maxHeight = above ? `${Math.max(fitting() * high, Math.min(640, 0.8 * innerHeight)) + 20}px` : "";
      frame.style.cursor = above ? "grab" : "";
    }
    function start() {
      if (frame.clientWidth && !asked) show(Math.max(fitting(), frame.clientWidth < SMALL ? READABLE : LEAST));
    }
    function zoom(factor, x, y) {
      const outer = frame.getBoundingClientRect(), before = svg.getBoundingClientRect();
      x ??= outer.left + frame.clientWidth / 2;
      y ??= outer.top + frame.clientHeight / 2;
      const place = [(x - before.left) / scale, (y - before.top) / scale];
      asked = true;
      show(scale * factor);
      const after = svg.getBoundingClientRect();
      frame.scrollBy({ left: after.left + place[0] * scale - x, top: after.top + place[1] * scale - y, behavior: "instant" });
    }
    function fit() {
      asked = true;
      show(fitting());
    }

    // Closing a frame hides what is in it and puts a box in its place; lines end at the box, and nothing else moves

    const closed = new Map(); // frame -> the box over it
    let boxes; // of every mark, as drawn
    const frames = [...svg.querySelectorAll(".frame")].map((group) => ({ group, rect: group.querySelector("rect") })).filter(({ rect }) => rect);
    for (const each of frames) {
      const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(each.rect.getAttribute(name)));
      each.name = nameOf(each.group);
      each.box = { x, y, width, height };
      each.check = make("input", { type: "checkbox", checked: true, onchange: () => turn([each], each.check.checked) });
      each.group.style.cursor = "pointer";
    }
    function inside(mark, box) {
      const one = boxes.get(mark), x = one.x + one.width / 2, y = one.y + one.height / 2;
      if (mark.matches(".node")) return x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
      return one.x >= box.x - 1 && one.y >= box.y - 1 && one.x + one.width <= box.x + box.width + 1 && one.y + one.height <= box.y + box.height + 1;
    }
    const around = (mark) => [...closed.keys()].filter((each) => each.group !== mark && inside(mark, each.box));
    function turn(chosen, open) {
      boxes ??= new Map([...svg.querySelectorAll(KIND)].map((mark) => [mark, mark.getBBox()]));
      for (const each of chosen) {
        if (open) closed.get(each)?.remove(), closed.delete(each);
        else if (!closed.has(each)) closed.set(each, cover(each));
        each.check.checked = open;
      }
      for (const mark of boxes.keys()) mark.style.display = around(mark).length ? "none" : "";
      for (const [other, box] of closed) box.style.display = other.group.style.display;
    }
    function cover(each) {
      const box = each.group.cloneNode(false), rect = each.rect.cloneNode(false), middle = each.box.x + each.box.width / 2;
      const words = document.createElementNS(svg.namespaceURI, "text"), size = Math.min(16, (1.6 * each.box.width) / (each.name.length + 4));
      box.removeAttribute("id");
      box.setAttribute("class", "cover");
      const look = { x: middle, y: each.box.y + each.box.height / 2, "text-anchor": "middle", "font-size": size, "font-weight": "bold" };
      for (const [name, value] of Object.entries(look)) words.setAttribute(name, value);
      words.setAttribute("fill", each.group.querySelector("[font-size][fill]")?.getAttribute("fill") ?? svg.querySelector("text [fill], text[fill]")?.getAttribute("fill"));
      words.textContent = `+ ${each.name}`;
      box.append(rect, words);
      box.addEventListener("click", () => moved || turn([each], true));
      svg.append(box);
      return box;
    }
    for (const each of frames) each.group.addEventListener("click", () => {
      if (moved || (other && !isOpen() && each.group.matches(folds))) return;
      turn([each], false);
    });

    // Folded steps: a second drawing has them opened, and takes the place of the first

    const other = picture.querySelector(":scope > template"), folds = "[id*=fold_].frame, .node[data-fold]";
    const isOpen = () => picture.dataset.folds === "open";
    function exchange(place) {
      turn(frames, true);
      search("");
      const fresh = make("div"), step = place?.id.replace(/^viz-[0-9a-f]+-/, "").replace(/fold_(\d+)_\d+$/, "step_$1");
      fresh.style.overflowX = "auto";
      fresh.append(other.content.querySelector("svg"));
      other.content.append(svg);
      picture.dataset.folds = isOpen() ? "" : "open";
      host.remove();
      frame.replaceWith(fresh);
      wire(picture, { step, byHand: Boolean(place) });
    }
    if (other && !isOpen()) for (const fold of svg.querySelectorAll(folds)) {
      fold.style.cursor = "pointer";
      fold.addEventListener("click", () => moved || exchange(fold));
    }
    function arrive({ step, byHand }) { // at what was a fold, with the words that say how far it is open
      const left = [...svg.querySelectorAll(folds)].map(nameOf), place = svg.querySelector(`[id$="-${step}"]`);
      found.textContent = !isOpen() ? "folded" : left.length ? `opened but for ${left.join(", ")}: fold=None draws each of these` : "every step is drawn";
      if (place) frame.scrollBy({ left: place.getBoundingClientRect().left - frame.getBoundingClientRect().left - 40, behavior: "instant" });
      (byHand ? frame : toggle).focus({ preventScroll: true });
    }

    // Search

    let matches = [], at = -1;
    function search(text) {
      const wanted = plain(text);
      const marks = [...svg.querySelectorAll(KIND)];
      matches = wanted ? marks.filter((mark) => !mark.matches(".edge, .curve") && plain(mark.textContent).includes(wanted)) : [];
      at = -1;
      for (const mark of marks) {
        mark.style.opacity = wanted && !mark.matches(".frame") && !matches.includes(mark) ? "0.3" : "";
        mark.style.filter = matches.includes(mark) && mark.matches(".node") ? "drop-shadow(0 0 3px #E69F00) drop-shadow(0 0 3px #E69F00)" : "";
      }
      found.textContent = wanted ? `${matches.length} found` : "";
    }
    function next(step) {
      if (!matches.length) return;
      at = (at + step + matches.length + (at < 0 && step < 0)) % matches.length;
      const mark = matches[at];
      if (closed.size) turn(around(mark), true);
      if (scale < READABLE) zoom(READABLE / scale);
      const box = mark.getBoundingClientRect(), outer = frame.getBoundingClientRect();
      frame.scrollBy({ left: box.left + box.width / 2 - outer.left - frame.clientWidth / 2,
        top: box.top + box.height / 2 - outer.top - frame.clientHeight / 2, behavior: "instant" });
      const name = mark.querySelector("text")?.textContent || mark.querySelector("title")?.textContent || "";
      found.textContent = `${at + 1} of ${matches.length}: ${name}`;
    }

    // The bar

    const found = make("span", { className: "found", role: "status" });
    const input = make("input", { type: "search", oninput: () => search(input.value) });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") next(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") search((input.value = "")), frame.focus();
    });
    const button = (text, label, onclick) => make("button", { type: "button", ariaLabel: label, title: label, onclick }, text);
    const parts = make("details", {}, make("summary", {}, "Parts"), make("div", { className: "parts" },
      button("Open all", "Open all", () => turn(frames, true)), " ", button("Close all", "Close all", () => turn(frames, false)),
      ...frames.map((each) => make("label", {}, each.check, each.name))));
    parts.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      parts.open = false;
      parts.firstChild.focus();
    });
    const toggle = button(isOpen() ? "Fold again" : "Open the folds", isOpen() ? "Fold the steps again" : "Open the folded steps", () => exchange());
    const bar = make("div", { className: "bar", role: "group", ariaLabel: `Controls of the picture: ${title}` },
      button("−", "Zoom out", () => zoom(1 / CLOSER)), button("+", "Zoom in", () => zoom(CLOSER)), button("Fit", "Fit to the width", fit),
      ...(other ? [toggle] : []), ...(frames.length ? [parts] : []), make("label", { className: "find" }, "Find", input), found);
    const host = make("div");
    host.attachShadow({ mode: "open" }).append(make("style", {}, STYLE), bar);
    picture.prepend(host);
    for (const part of [host, frame]) part.dataset.lmSuppressShortcuts = "true"; // JupyterLab's, for single letters
    for (const kind of ["keydown", "keypress", "keyup"]) host.addEventListener(kind, (event) => event.stopPropagation());

    // Hands

    const keys = { "+": () => zoom(CLOSER), "=": () => zoom(CLOSER), "-": () => zoom(1 / CLOSER), 0: fit, "/": () => input.focus() };
    Object.assign(frame, { tabIndex: 0, role: "region", ariaLabel: `${title}. Arrow keys move it, + and - zoom, 0 fits it, / finds` });
    frame.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      keys[event.key]();
    });
    frame.addEventListener("wheel", (event) => { // with Ctrl, as a trackpad's pinch has it; without, the page scrolls
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 200), event.clientX, event.clientY);
    }, { passive: false });
    let from = null, moved = false, apart = 0;
    frame.addEventListener("pointerdown", (event) => {
      moved = false;
      if (event.pointerType === "mouse" && event.button === 0) from = [event.clientX, event.clientY];
    });
    frame.addEventListener("pointermove", (event) => {
      if (!from || (!moved && Math.hypot(event.clientX - from[0], event.clientY - from[1]) < 4)) return;
      if (!moved) frame.setPointerCapture(event.pointerId);
      moved = true;
      frame.scrollBy({ left: from[0] - event.clientX, top: from[1] - event.clientY, behavior: "instant" });
      from = [event.clientX, event.clientY];
      event.preventDefault();
    });
    for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, () => { from = null; });
    frame.addEventListener("mousedown", (event) => { if (svg.contains(event.target)) event.preventDefault(), frame.focus({ preventScroll: true }); });
    const spread = ({ touches: [a, b] }) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    frame.addEventListener("touchstart", (event) => { if (event.touches.length === 2) apart = spread(event); }, { passive: true });
    frame.addEventListener("touchmove", (event) => { // one finger scrolls, by itself
      if (event.touches.length !== 2) return;
      event.preventDefault();
      const [a, b] = event.touches, now = spread(event);
      zoom(now / apart, (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
      apart = now;
    }, { passive: false });
    new ResizeObserver(start).observe(frame);
    frame.style.overflow = "auto";
    start();
    if (opening) arrive(opening);
  }

  for (const picture of document.querySelectorAll(".viz-picture:not([data-live])")) {
    picture.dataset.live = "";
    wire(picture);
  }
})();
