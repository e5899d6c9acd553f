// Figures of people: point at one, read where the number comes from; highlight a group, a batch or
// a person, or drag over points, and see them in all figures.
const figures = [...document.querySelectorAll("svg.points")];
const marks = figures.flatMap((figure) => [...figure.querySelectorAll(".p")]);

const trace = make("div", { id: "trace", role: "status", hidden: true });
document.body.append(trace);
let hiding = 0;

// The title of a point is its trace; the browser's own tooltip would stand over ours.
for (const mark of marks) {
  const title = mark.querySelector("title");
  mark.trace = title.textContent;
  title.remove();
}

function showTrace(mark) {
  clearTimeout(hiding);
  document.querySelectorAll(".p.at").forEach((other) => other.classList.remove("at"));
  mark.classList.add("at");
  const { gates: page, population, trace: command } = mark.ownerSVGElement.dataset;
  const { t: tube } = mark.dataset;
  const [who, ...rest] = mark.trace.split("\n");
  const gate = gateOf(population, tube);
  const told = gate ? [...rest, gate.told] : rest;
  trace.replaceChildren(make("strong", {}, who), told.join("\n"));
  if (gate) trace.append(gate.picture);
  if (command) {
    const safe = /^[\w.-]+$/.test(tube) ? tube : `'${tube.replaceAll("'", "'\\''")}'`;
    trace.append(make("div", {}, words.command, make("code", {}, fill(command, { tube: safe }))));
  }
  if (page) {
    const address = `${encodeURI(page)}#${encodeURIComponent(tube)}`;
    trace.append(make("a", { href: address }, words.gate));
  }
  trace.hidden = false;
  const box = mark.getBoundingClientRect();
  const width = trace.offsetWidth;
  const left = Math.min(box.right + 8, document.documentElement.clientWidth - width - 8);
  trace.style.left = `${Math.max(left, 8) + window.scrollX}px`;
  const isLow = box.bottom + trace.offsetHeight + 12 > window.innerHeight;
  const top = isLow ? box.top - trace.offsetHeight - 8 : box.bottom + 8;
  trace.style.top = `${Math.max(top, 4) + window.scrollY}px`;
}

function hideTrace(wait = 0) {
  clearTimeout(hiding);
  hiding = setTimeout(() => {
    trace.hidden = true;
    document.querySelectorAll(".p.at").forEach((other) => other.classList.remove("at"));
  }, wait);
}

trace.addEventListener("pointerenter", () => clearTimeout(hiding));
trace.addEventListener("pointerleave", () => hideTrace(300));

const chosen = make("div", { id: "chosen", role: "status", hidden: true });
document.body.append(chosen);

function groupOf(mark) {
  return mark.parentNode.dataset.g;
}

// Highlight the points that a test picks out; null takes the highlight away.
function highlight(test, what) {
  let n = 0;
  const people = new Set();
  for (const mark of marks) {
    const isOn = test !== null && test(mark);
    mark.classList.toggle("on", isOn);
    if (isOn) {
      n += 1;
      people.add(mark.dataset.p);
    }
  }
  for (const figure of figures) figure.classList.toggle("lit", test !== null);
  for (const cell of document.querySelectorAll("tbody tr > th")) {
    cell.parentNode.classList.toggle("on", people.has(cell.textContent));
  }
  chosen.hidden = test === null;
  if (test === null) return;
  const clear = make("button", { type: "button" }, words.clear);
  clear.addEventListener("click", () => choose("", ""));
  chosen.replaceChildren(fill(words.highlighted, { what, n }), clear);
}

const tests = {
  group: (value) => (mark) => groupOf(mark) === value,
  batch: (value) => (mark) => mark.dataset.b === value,
  person: (value) => (mark) => mark.dataset.p === value,
};
const pickers = {};

function choose(kind, value) {
  for (const [name, picker] of Object.entries(pickers)) picker.value = name === kind ? value : "";
  if (value) {
    const name = words[kind].toLowerCase();
    const isSaid = value.toLowerCase().startsWith(name);
    highlight(tests[kind](value), isSaid ? value : `${name} ${value}`);
  }
  else highlight(null, "");
}

function addPicker(kind, values) {
  const ordered = [...new Set(values)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const picker = make("select", { id: `choose-${kind}` }, make("option", { value: "" }, words.anyone));
  for (const value of ordered) picker.append(make("option", { value }, value));
  picker.addEventListener("change", () => choose(kind, picker.value));
  pickers[kind] = picker;
  tools.append(make("label", {}, `${words[kind]} `, picker));
}

const tools = document.getElementById("tools");
tools.hidden = false;
if (marks.length) {
  addPicker("group", marks.map(groupOf));
  addPicker("batch", marks.map((mark) => mark.dataset.b));
  addPicker("person", marks.map((mark) => mark.dataset.p));
}

// Drag a frame over points: their people are highlighted everywhere.
function startBrush(figure, event) {
  if (event.button !== 0 || event.pointerType === "touch") return;
  const toFigure = figure.getScreenCTM().inverse();
  const place = (each) => new DOMPoint(each.clientX, each.clientY).matrixTransform(toFigure);
  const start = place(event);
  const frame = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  frame.setAttribute("class", "brush");
  let isDragged = false;
  const move = (each) => {
    const end = place(each);
    if (!isDragged && Math.hypot(end.x - start.x, end.y - start.y) < 4) return;
    if (!isDragged) figure.append(frame);
    isDragged = true;
    frame.setAttribute("x", Math.min(start.x, end.x));
    frame.setAttribute("y", Math.min(start.y, end.y));
    frame.setAttribute("width", Math.abs(end.x - start.x));
    frame.setAttribute("height", Math.abs(end.y - start.y));
  };
  const finish = () => {
    document.removeEventListener("pointermove", move);
    document.removeEventListener("pointerup", finish);
    if (!isDragged) return;
    const inside = frame.getBoundingClientRect();
    frame.remove();
    const people = new Set();
    for (const mark of figure.querySelectorAll(".p")) {
      const box = mark.getBoundingClientRect();
      const x = (box.left + box.right) / 2;
      const y = (box.top + box.bottom) / 2;
      const isIn = x >= inside.left && x <= inside.right && y >= inside.top && y <= inside.bottom;
      if (isIn) people.add(mark.dataset.p);
    }
    for (const picker of Object.values(pickers)) picker.value = "";
    if (people.size) {
      const what = fill(words.people, { n: people.size });
      highlight((mark) => people.has(mark.dataset.p), what);
    } else highlight(null, "");
  };
  event.preventDefault();
  document.addEventListener("pointermove", move);
  document.addEventListener("pointerup", finish);
}

// By keyboard: a figure takes the focus, arrows go from person to person, left to right.
function walk(figure, box, event) {
  const own = [...figure.querySelectorAll(".p")];
  const at = own.findIndex((mark) => mark.classList.contains("at"));
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  if (event.key in steps && own.length) {
    event.preventDefault();
    const next = at < 0 ? (steps[event.key] > 0 ? 0 : own.length - 1) : at + steps[event.key];
    showTrace(own[(next + own.length) % own.length]);
  } else if (event.key === "Enter" && at >= 0) choose("person", own[at].dataset.p);
  else if (event.key.toLowerCase() === "o" && at >= 0) trace.querySelector("a")?.click();
  else if (event.key === "Escape") {
    hideTrace();
    choose("", "");
  }
}

for (const figure of figures) {
  const box = figure.parentNode;
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", `${figure.getAttribute("aria-label")} ${words.keys}`);
  box.addEventListener("keydown", (event) => walk(figure, box, event));
  box.addEventListener("blur", () => hideTrace(200));
  figure.addEventListener("pointerover", (event) => {
    if (event.target.classList.contains("p")) showTrace(event.target);
  });
  figure.addEventListener("pointerout", (event) => {
    if (event.target.classList.contains("p")) hideTrace(400);
  });
  figure.addEventListener("click", (event) => {
    if (event.target.classList.contains("p")) showTrace(event.target);
  });
  figure.addEventListener("pointerdown", (event) => startBrush(figure, event));
}
