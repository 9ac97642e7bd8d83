"use strict";
// Filters of the gallery, light between a box and its mention, values under the pointer.

for (const form of document.querySelectorAll(".filters")) {
  const entries = [...document.querySelectorAll(".entry")];
  const nothing = document.querySelector(".nothing-fits");
  const count = form.querySelector("output");
  const apply = () => {
    const wanted = new FormData(form);
    let shown = 0;
    for (const entry of entries) {
      const fits = ["task", "result", "boxes"].every(
        (name) => !wanted.get(name) || wanted.get(name) === entry.dataset[name]);
      entry.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    nothing.hidden = shown > 0;
    count.textContent = `${shown} of ${entries.length} shown`;
  };
  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  form.reset();
  apply();
}

for (const panel of document.querySelectorAll(".panel")) {
  const light = (number) => {
    panel.classList.toggle("lighting", number !== undefined);
    for (const part of panel.querySelectorAll("[data-box]")) {
      part.classList.toggle("lit", part.dataset.box === number);
    }
  };
  const over = (event) => light(event.target.closest("[data-box]")?.dataset.box);
  panel.addEventListener("pointerover", over);
  panel.addEventListener("focusin", over);
  panel.addEventListener("pointerleave", () => light(undefined));
  panel.addEventListener("focusout", () => light(undefined));
}

for (const button of document.querySelectorAll(".zoom")) {
  const panels = button.closest(".entry").querySelector(".panels");
  button.hidden = false;
  button.addEventListener("click", () => {
    const large = panels.classList.toggle("large");
    button.setAttribute("aria-pressed", String(large));
    button.textContent = large ? "smaller" : "larger";
  });
}

const tip = document.querySelector(".tip");
for (const chart of document.querySelectorAll("svg[data-chart]")) {
  const data = JSON.parse(chart.dataset.chart);
  const [left, top, right, bottom] = data.box;
  const [xLow, xHigh, yLow, yHigh] = data.range;
  const cursor = chart.querySelector(".cursor");
  const steps = [...new Set(data.lines.flatMap((line) => line.points.map((p) => p[0])))]
    .sort((a, b) => a - b);
  const placeX = (x) => left + (x - xLow) / (xHigh - xLow) * (right - left);
  const placeY = (y) =>
    Math.min(bottom, Math.max(top, bottom - (y - yLow) / (yHigh - yLow) * (bottom - top)));
  const make = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  let at = -1;
  const hide = () => {
    at = -1;
    cursor.setAttribute("hidden", "");
    tip.hidden = true;
  };
  const show = (index) => {
    at = Math.max(0, Math.min(steps.length - 1, index));
    const x = steps[at];
    cursor.removeAttribute("hidden");
    cursor.replaceChildren(make("path", { d: `M${placeX(x)} ${top}V${bottom}` }));
    tip.replaceChildren(Object.assign(document.createElement("b"),
      { textContent: `${data.x} ${x}` }));
    data.lines.forEach((line, number) => {
      const point = line.points.find((p) => p[0] === x);
      if (!point) return;
      const dot = make("circle", { cx: placeX(x), cy: placeY(point[1]), r: 4 });
      const group = make("g", { class: `s${number % 6}` });
      group.append(dot);
      cursor.append(group);
      const row = document.createElement("div");
      row.className = `s${number % 6}`;
      row.append(Object.assign(document.createElement("i"), { textContent: line.name }),
        Object.assign(document.createElement("span"), { textContent: String(point[1]) }));
      tip.append(row);
    });
    tip.hidden = false;
    const frame = chart.getBoundingClientRect();
    const pageX = frame.left + placeX(x) / chart.viewBox.baseVal.width * frame.width;
    const wide = tip.offsetWidth;
    const beside = pageX + 14 + wide > innerWidth ? pageX - 14 - wide : pageX + 14;
    tip.style.left = `${Math.max(4, beside)}px`;
    tip.style.top = `${Math.max(4, frame.top + 8)}px`;
  };
  chart.addEventListener("pointermove", (event) => {
    const frame = chart.getBoundingClientRect();
    const place = (event.clientX - frame.left) / frame.width * chart.viewBox.baseVal.width;
    const x = xLow + (place - left) / (right - left) * (xHigh - xLow);
    let best = 0;
    steps.forEach((step, index) => {
      if (Math.abs(step - x) < Math.abs(steps[best] - x)) best = index;
    });
    show(best);
  });
  chart.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") hide();
    if (move === undefined) return;
    event.preventDefault();
    show(at < 0 ? (move > 0 ? 0 : steps.length - 1) : at + move);
  });
  chart.addEventListener("pointerleave", hide);
  chart.addEventListener("blur", hide);
  addEventListener("scroll", hide, { passive: true });
}

addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});
