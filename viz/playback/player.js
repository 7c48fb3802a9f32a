// Plays a tape: everything shown is a function of three things, the pass, the step and the route.
"use strict";
(() => {
  const $ = (name) => document.getElementById("play-" + name);
  const tape = JSON.parse($("tape").textContent);
  const text = (k) => tape.texts[k];
  const vertices = tape.vertices.map(([name, op, module, t, outputs, ...elements]) => (
    { name: text(name), op: text(op), module: text(module), t, outputs, elements: elements.map(text) }));
  const passes = { forward: forwardSteps(), backward: backwardSteps() };
  const elements = new Map(); // id -> the element of the figure, of all that is ever lit
  for (const step of [...passes.forward, ...passes.backward])
    for (const id of lit(step)) if (document.getElementById(id)) elements.set(id, document.getElementById(id));
  const state = { pass: "backward", k: 0, route: "" };
  const lines = [...document.querySelectorAll(".figure .edge")].map(bothDirections).filter(Boolean);
  let timer = 0;

  // The tape, unpacked

  function amount(packed) {
    return packed ? { shape: text(packed[0]), norm: packed[1], values: packed.length > 2 ? packed.slice(2) : null } : null;
  }

  function forwardSteps() {
    return tape.forward.map(([vertex, value, reads]) => (
      { vertex, value: amount(value), parts: reads.map(([name, source, edge]) => ({ name: text(name), source, edge: text(edge) })) }));
  }

  function backwardSteps() {
    const steps = tape.backward.map(([vertex, cotangent, handed]) => ({
      vertex, value: amount(cotangent), came: [],
      parts: handed.map(([name, source, place, edge, law, local, nth, of, ...amounts]) => {
        const [given, slope, before, after] = amounts.map(amount);
        return { name: text(name), source, place: text(place), edge: text(edge), law: text(law), local: text(local), nth, of, given, slope, before, after };
      }),
    }));
    const turn = new Map(steps.map((step) => [step.vertex, step]));
    for (const step of steps)
      for (const part of step.parts) turn.get(part.source).came.push({ from: step.vertex, part });
    return steps;
  }

  function lit(step) { // the ids of what belongs to a step: its vertex, and the lines along which it reads or hands on
    return [...vertices[step.vertex].elements, ...step.parts.flatMap((part) => part.edge.split(" "))].filter(Boolean);
  }

  function bothDirections(edge) { // the path of a gradient's line as drawn, from its arrowhead at the beginning, and the same for values
    const tip = (edge.dataset.route ?? edge.classList[1]) && edge.querySelector("polygon")?.getAttribute("points").split(" ")[1];
    const path = edge.querySelector("path"), back = path?.getAttribute("d");
    edge.classList.toggle("ahead", Boolean(tip));
    return tip && { path, back, ahead: `M${tip}L${back.slice(1)}` };
  }

  function routeOf(part) {
    return elements.get(part.edge.split(" ")[0])?.dataset.route ?? ""; // a line to two directions has two elements
  }

  // From one state to another

  function go(k, change = {}) {
    Object.assign(state, change);
    state.k = Math.min(Math.max(k, 0), passes[state.pass].length);
    draw();
    if (!timer) remember();
  }

  function move(by) { // with a route chosen, to the next step that goes along it
    const steps = passes[state.pass];
    let k = state.k + by;
    while (state.route && k > 0 && k < steps.length && !steps[k - 1].parts.some((part) => routeOf(part) === state.route)) k += by;
    go(k);
  }

  function play(on) {
    clearInterval(timer);
    const steps = passes[state.pass].length;
    if (on && state.k === steps) go(0);
    timer = on ? setInterval(() => (state.k < steps ? move(1) : play(false)), Math.min(900, Math.max(80, 90000 / steps))) : 0;
    $("status").setAttribute("aria-live", on ? "off" : "polite"); // a screen reader cannot read ten steps a second
    $("play").textContent = on ? "Pause" : "Play";
    if (!on) go(state.k);
  }

  function remember() {
    const hash = new URLSearchParams({ k: state.k });
    if (state.route) hash.set("route", state.route);
    if (state.pass !== "backward") hash.set("pass", state.pass);
    try { history.replaceState(null, "", "#" + hash); } catch { /* a frame in a notebook has no address */ }
  }

  function recall(hash) {
    const asked = new URLSearchParams(hash.slice(1)), route = asked.get("route");
    const pass = asked.get("pass") === "forward" ? "forward" : "backward";
    go(Math.trunc(Number(asked.get("k"))) || 0, { pass, route: tape.routes.length && ["carry", "crossing"].includes(route) ? route : "" });
  }

  // The picture of a state

  function draw() {
    const steps = passes[state.pass], step = steps[state.k - 1];
    const on = new Set(steps.slice(0, state.k).flatMap(lit)), now = new Set(step ? lit(step) : []);
    for (const [id, element] of elements) {
      element.classList.add("played");
      element.classList.toggle("on", on.has(id));
      element.classList.toggle("now", now.has(id));
    }
    $("figure").classList.toggle("stepping", state.k > 0);
    $("figure").dataset.only = state.route;
    if ($("figure").dataset.pass !== state.pass) for (const line of lines) line.path.setAttribute("d", state.pass === "forward" ? line.ahead : line.back);
    $("figure").dataset.pass = state.pass;
    $("title").textContent = $("title").dataset[state.pass];
    $("legend").hidden = state.pass === "forward"; // no gradient is known yet
    Object.assign($("step"), { max: steps.length, value: state.k });
    $("count").textContent = `${state.k} of ${steps.length}`;
    $("back").setAttribute("aria-disabled", state.k === 0); // (a disabled button would lose the keyboard's focus)
    $("next").setAttribute("aria-disabled", state.k === steps.length);
    for (const name of ["pass", "route"])
      for (const chip of document.querySelectorAll(`button[data-${name}]`)) chip.setAttribute("aria-pressed", chip.dataset[name] === state[name]);
    const past = steps.slice(0, state.k).findLast((each) => vertices[each.vertex].t) ?? steps.find((each) => vertices[each.vertex].t);
    $("time").value = past ? vertices[past.vertex].t : 1;
    $("t").textContent = `t = ${$("time").value}`;
    const item = step && $(state.pass).children[state.k - 1];
    document.querySelector('.steps [aria-current]')?.removeAttribute("aria-current");
    item?.firstChild.setAttribute("aria-current", "step");
    $("lede").hidden = Boolean(step);
    $("status").textContent = `Step ${state.k} of ${steps.length}, ${state.pass}: ${item ? item.textContent : "the whole figure."}`;
    $("panel").replaceChildren(...(step ? cardsOf(step) : []));
    const tight = () => [...$("panel").querySelectorAll(".numbers")].filter((box) => box.scrollWidth > box.clientWidth);
    tight().forEach((box) => box.parentElement.classList.add("wide"));
    tight().forEach((box) => Object.assign(box, { tabIndex: 0, role: "group", ariaLabel: "numbers, which scroll sideways" }));
    if (step) follow(step);
    hint();
  }

  function follow(step) {
    const frame = $("figure"), seen = vertices[step.vertex].elements.map((id) => elements.get(id)).find(Boolean);
    if (!seen || (frame.scrollWidth <= frame.clientWidth && frame.scrollHeight <= frame.clientHeight)) return;
    const box = seen.getBoundingClientRect(), around = frame.getBoundingClientRect();
    if (box.width > around.width) return; // the bar of weights is everywhere
    const left = frame.scrollLeft + box.left + box.width / 2 - around.left - around.width / 2;
    const top = frame.scrollTop + box.top + box.height / 2 - around.top - around.height / 2;
    frame.scrollTo({ left, top, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches || timer ? "instant" : "smooth" });
  }

  function hint() { // that part of the figure is out of sight, to the right of the screen
    const frame = $("figure"), wider = frame.scrollWidth > frame.clientWidth + 1;
    $("more").hidden = !wider;
    frame.classList.toggle("wider", wider && frame.scrollLeft + frame.clientWidth < frame.scrollWidth - 1);
    for (const box of [$("legend"), $("panel")]) // what scrolls is reached by the keyboard
      if (box.scrollWidth > box.clientWidth + 1 || (box.id === "play-panel" && box.scrollHeight > box.clientHeight + 1)) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
  }

  // The numbers of a step

  function make(tag, look, ...inside) {
    const element = document.createElement(tag);
    if (look) element.className = look;
    element.append(...inside.filter(Boolean));
    return element;
  }

  function show(x) {
    const digits = typeof x !== "number" || !x || (Math.abs(x) >= 1e-4 && Math.abs(x) < 1e4) ? String(x) : x.toExponential();
    return digits.replaceAll("-", "−").replace("+", "");
  }

  function cardsOf(step) {
    const { name, op, module, t } = vertices[step.vertex], forward = state.pass === "forward";
    const where = [module, t ? `t = ${t}` : ""].filter(Boolean).join(" ");
    const inputs = passes.forward[step.vertex].parts.map((part) => `${part.name} = ${vertices[part.source].name}`);
    const reads = inputs.slice(0, 8).join(", ") + (inputs.length > 8 ? `, ... ${inputs.length} in all` : "");
    const head = make("header", "", make("h2", "", name),
      make("p", "op", make("b", "", op), reads && `(${reads})`, make("span", "soft", where)), tape.ops[op] && make("p", "soft", tape.ops[op]));
    if (forward) {
      const values = step.parts.map((part, k) => [k ? tape.signs[op] ?? "" : "", vertices[part.source].name, passes.forward[part.source].value]);
      const rows = [...values.filter(([, , value]) => value), ["=", "y", step.value]];
      return [make("div", "card", head, step.value ? table(rows) : make("p", "soft", "No derivative needs its value, so nothing has kept it."))];
    }
    const terms = step.came.map(({ from, part }) => ["+", `by ${vertices[from].name}`, part.given]);
    const rows = terms.length > 6 ? [["", `g, the sum of ${terms.length}`, step.value]]
      : terms.length > 1 && vertices[step.vertex].outputs === 1 ? [...terms, ["=", "g came in", step.value]] : [["", "g came in", step.value]];
    rows[0][0] = "";
    const came = make("div", "card", head, table(rows));
    if (!step.parts.length) came.append(make("p", "done", `dL/d${name} is complete: a leaf keeps it as its gradient.`));
    return [came, ...step.parts.map((part) => card(step, part))];
  }

  function card(step, part) {
    const source = vertices[part.source], place = part.place;
    const route = { carry: `${tape.routes[0]} route`, crossing: `${tape.routes[1]} route`, weight: "weights" }[tape.routes.length && routeOf(part)];
    const rows = [["", "g came in", step.value]];
    if (part.slope) rows.push(["×", "local", part.slope]);
    rows.push([part.slope ? "=" : "→", "handed on", part.given]);
    if (part.before) rows.push(["+", `${place} had`, part.before], ["=", `${place} has`, part.after]);
    const complete = part.nth === part.of, reads = passes.backward.find((each) => each.vertex === part.source).came;
    const sum = part.of === 1 ? `The only contribution: its gradient is complete.`
      : `${source.name} gets ${part.of} contributions. This is number ${part.nth}${complete ? ": now it is complete." : "."}`;
    const from = part.of > 1 && part.of <= 6 ? make("p", "terms", ...reads.map(({ from }, k) =>
      make("span", k < part.nth ? "in" : "", (k ? (source.outputs > 1 ? ", " : " + ") : "") + vertices[from].name))) : null;
    const badge = route ? make("span", `badge ${routeOf(part)}`, route) : null;
    return make("div", "card", make("h3", "", `to ${place}`, badge), part.law && make("p", "law", part.law, part.local && make("span", "soft", part.local)),
      table(rows), make("p", complete ? "done" : "soft", sum), from);
  }

  function table(rows) {
    const columns = Math.max(...rows.map(([, , given]) => given.values?.length ?? 0)); // a single number counts for each
    const few = rows.every(([, , given]) => given.values && [1, columns].includes(given.values.length));
    const body = make("tbody", "", ...rows.map(([sign, label, given]) => {
      const numbers = few ? Array.from({ length: columns }, (_, k) => given.values[k] ?? given.values[0])
        : given.values?.length === 1 ? given.values : [given.norm];
      const head = make("th", "", few || given.values?.length === 1 ? label : `${label}: ‖·‖`);
      head.scope = "row";
      return make("tr", few && sign === "=" ? "sum" : "", make("td", "sign", few || sign === "→" ? sign : ""), head,
        ...numbers.map((x) => make("td", "number", show(x))));
    }));
    const { shape, norm } = rows.at(-1)[2];
    const adds = !few && rows.some(([sign]) => sign === "+") ? "; the arrays add up, their norms need not" : "";
    const foot = shape ? `shape (${shape})${few ? `, ‖·‖ = ${show(norm)}` : adds}` : "a single number";
    return make("div", "numbers", make("table", "", body), make("p", "soft", foot));
  }

  // Hands

  const only = (route) => go(state.k, { route: tape.routes.length && state.route !== route ? route : "" }); // or both again
  const keys = {
    ArrowRight: () => move(1), ArrowLeft: () => move(-1), " ": () => play(!timer),
    c: () => only("carry"), h: () => only("crossing"),
    Escape: () => { play(false); go(0, { route: "" }); },
  };
  document.addEventListener("keydown", (event) => {
    const on = event.target.closest("input, button, a, summary");
    const native = event.key === " " ? on : event.key.startsWith("Arrow") && on?.matches("input");
    const act = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!act || native || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  const buttons = { next: "ArrowRight", back: "ArrowLeft", play: " ", reset: "Escape" };
  for (const [name, key] of Object.entries(buttons)) $(name).onclick = keys[key];
  $("step").oninput = () => go(Number($("step").value));
  $("time").oninput = () => {
    const t = Number($("time").value);
    go(passes[state.pass].findIndex((step) => vertices[step.vertex].t === t) + 1 || state.k);
  };
  for (const chip of document.querySelectorAll("button[data-pass]")) chip.onclick = () => { play(false); go(0, { pass: chip.dataset.pass }); };
  for (const chip of document.querySelectorAll("button[data-route]")) chip.onclick = () => go(state.k, { route: chip.dataset.route });
  for (const [id, element] of elements)
    element.addEventListener("click", () => go(passes[state.pass].findIndex((step) => lit(step).includes(id)) + 1 || state.k));
  for (const link of document.querySelectorAll(".steps a")) link.onclick = (event) => { event.preventDefault(); play(false); recall(link.hash); };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = (theme) => {
    document.documentElement.style.colorScheme = document.documentElement.dataset.theme = theme;
    $("theme").textContent = theme === "dark" ? "Light theme" : "Dark theme";
  };
  dark.onchange = () => paint(dark.matches ? "dark" : "light");
  $("theme").onclick = () => paint($("theme").textContent === "Dark theme" ? "dark" : "light");
  window.addEventListener("message", ({ data, source }) => { // a page around this one asks how high it is, and is told at every change
    if (data !== "player-height" || source !== parent) return;
    document.body.classList.add("framed");
    const tell = () => source.postMessage({ playerHeight: Math.ceil(document.body.getBoundingClientRect().height) }, "*");
    new ResizeObserver(tell).observe(document.body);
  });
  window.addEventListener("hashchange", () => recall(location.hash));
  new ResizeObserver(hint).observe($("figure"));
  $("figure").addEventListener("scroll", hint);

  // The start

  const times = vertices.map((vertex) => vertex.t);
  $("time").max = Math.max(1, ...times);
  $("time-label").hidden = Math.max(0, ...times) < 2;
  $("routes").hidden = $("route-keys").hidden = !tape.routes.length;
  tape.routes.forEach((name, k) => { $("routes").children[k + 1].textContent = `${name} only`; });
  for (const name of ["controls", "status", "panel", "theme", "keys"]) $(name).hidden = false;
  document.body.classList.add("live");
  $("steps").open = false;
  dark.onchange();
  recall(location.hash);
})();
