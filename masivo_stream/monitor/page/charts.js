// Two small charts, drawn again with each snapshot. Points are joined to stretches that hold several requests each.

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];
const MOST_STRETCHES = 72;
const HEIGHT = 168, LEFT = 40, RIGHT = 6, TOP = 10, BOTTOM = 24;

function stepFor(seconds) {
  return STEPS.find((step) => step >= seconds) ?? STEPS.at(-1);
}

/** Seconds between two requests at the account's limits; 0 if nothing paces the run. */
function pace(snapshot) {
  return Math.max(0, ...snapshot.windows.filter((use) => use.in_force !== false && use.limit > 0 && use.limit <= 60).map((use) => use.seconds / use.limit));
}

/** The time line in stretches of equal length; the last one is shown only after half of it has passed. */
function stretches(snapshot) {
  const line = snapshot.time_line;
  if (!line.length) return [];
  const slot = pace(snapshot), from = line[0].at, until = lastMoment(snapshot, slot);
  const finest = Math.max(...line.map((point) => point.seconds), 4 * Math.min(slot, 60), (until - from) / MOST_STRETCHES);
  const width = stepFor(finest);
  const made = Array.from({ length: Math.ceil((until - from) / width) }, () => (
    { requests: 0, accepted: 0, answered: 0, waited: 0, slowest: null }));
  for (const point of line) {
    const into = made[Math.min(made.length - 1, Math.floor((point.at - from) / width))];
    into.requests += point.requests;
    if (point.latency !== null) {
      const weight = Math.max(1, point.requests);
      into.answered += weight;
      into.waited += point.latency * weight;
    }
    if (point.slowest !== null) into.slowest = Math.max(into.slowest ?? 0, point.slowest);
  }
  spread(line, slot, until, (begin, end, records) => {
    for (let place = Math.floor((begin - from) / width); place < made.length && from + place * width < Math.min(end, until); place++) {
      const inside = Math.min(end, until, from + (place + 1) * width) - Math.max(begin, from + place * width);
      made[place].accepted += records * inside / (end - begin);
    }
  });
  const all = [];
  made.forEach((found, place) => {
    const seconds = Math.min(width, until - from - place * width);
    if (seconds < width / 2 && place > 0) return;
    all.push({
      at: from + place * width, seconds, requests: found.requests, rate: found.accepted / seconds,
      mean: found.answered ? found.waited / found.answered : null, slowest: found.slowest,
    });
  });
  return all;
}

const SHORTEST_REST = 10;
const longestRest = (slot) => Math.max(2 * slot, SHORTEST_REST);
const hasSent = (point) => point.requests > 0 || point.accepted > 0;

/** Where the chart ends: now; or the last request, if the next one is not late. */
function lastMoment({ now, time_line: line }, slot) {
  const last = line.findLast(hasSent), begin = line[0].at;
  const end = last ? Math.min(last.at + last.seconds, Math.max(now, last.at + 1)) : begin;
  return now - end < longestRest(slot) ? Math.max(end, begin + 1) : now;
}

/** Spread records over the time until the next request, at most two slots: a paced run is a line, an outage is a gap. */
function spread(line, slot, until, add) {
  const sent = line.filter(hasSent);
  sent.forEach((point, place) => {
    const own = Math.min(point.at + point.seconds, Math.max(until, point.at + 1)), before = place ? point.at - sent[place - 1].at : slot;
    const next = sent[place + 1]?.at ?? Math.max(until, point.at + before);
    const end = Math.max(own, Math.min(next, point.at + longestRest(slot)));
    add(point.at, end, point.accepted);
  });
}

/** Upper end and step of an axis from 0, with three or four round numbers. */
function axis(most) {
  if (!(most > 0)) return [1, 0.5];
  const size = 10 ** Math.floor(Math.log10(most / 3));
  const step = [1, 2, 2.5, 5, 10].map((round) => round * size).find((round) => most / round <= 4) ?? 10 * size;
  return [Math.ceil(most / step - 1e-9) * step, step];
}

function chart(holder, all, { value, extra, area, tell, label }) {
  if (!holder.firstChild) holder.append(draw("svg", { role: "slider", tabindex: 0, height: HEIGHT }), make("p", "reading"));
  const [image, reading] = holder.children;
  const inner = getComputedStyle(holder);
  const width = Math.max(160, holder.clientWidth - parseFloat(inner.paddingLeft) - parseFloat(inner.paddingRight));
  const from = all[0]?.at ?? 0, until = all.length ? all.at(-1).at + all.at(-1).seconds : 1;
  const [top, step] = axis(Math.max(0, ...all.map((one) => Math.max(value(one) ?? 0, extra?.(one) ?? 0))));
  const x = (moment) => LEFT + (moment - from) / (until - from) * (width - LEFT - RIGHT);
  const y = (number) => HEIGHT - BOTTOM - number / top * (HEIGHT - TOP - BOTTOM);
  const parts = [];
  for (let at = 0; at <= top * 1.0001; at += step) {
    parts.push(draw("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(at), y2: y(at) }));
    parts.push(draw("text", { x: LEFT - 8, y: y(at) + 4, "text-anchor": "end" }, at >= 1000 ? count(at) : String(Number(at.toPrecision(3)))));
  }
  parts.push(...timeMarks(from, until, x, width, all.length));
  if (area && all.length) parts.push(draw("path", { class: "area", d: `${stepPath(all, value, x, y)}L${x(until)},${y(0)}L${x(from)},${y(0)}Z` }));
  if (extra) parts.push(draw("path", { class: "slowest", d: linePath(all, extra, x, y) }));
  parts.push(draw("path", { class: "mean", d: (area ? stepPath : linePath)(all, value, x, y) }));
  const mark = draw("line", { class: "mark", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  parts.push(mark);
  image.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  image.setAttribute("aria-label", label);
  image.setAttribute("aria-valuemin", 0);
  image.setAttribute("aria-valuemax", Math.max(0, all.length - 1));
  image.replaceChildren(...parts);
  const read = (place) => {
    const one = all[place] ?? all.at(-1), told = one ? tell(one) : "nothing yet";
    setText(reading, told);
    image.setAttribute("aria-valuenow", Math.max(0, all.indexOf(one)));
    image.setAttribute("aria-valuetext", told);
    const middle = one ? x(one.at + one.seconds / 2) : 0;
    mark.setAttribute("x1", middle);
    mark.setAttribute("x2", middle);
    mark.setAttribute("visibility", all[place] ? "visible" : "hidden");
  };
  const find = (at) => all.findIndex((one) => at >= one.at && at < one.at + one.seconds);
  const point = (at) => { holder.dataset.pointed = at; read(find(at)); };
  const leave = () => { delete holder.dataset.pointed; read(-1); };
  image.onpointermove = image.onpointerdown = (event) => point(
    (event.clientX - image.getBoundingClientRect().left - LEFT) / (width - LEFT - RIGHT) * (until - from) + from);
  image.onpointerleave = image.onblur = leave;
  image.onkeydown = (event) => {
    const last = all.length - 1, here = holder.dataset.pointed ? find(Number(holder.dataset.pointed)) : last;
    const place = { ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1, Home: 0, End: last }[event.key];
    if (place === undefined || last < 0) return;
    event.preventDefault();
    const one = all[Math.min(last, Math.max(0, place))];
    point(one.at + one.seconds / 2);
  };
  if (holder.dataset.pointed) read(find(Number(holder.dataset.pointed)));
  else read(-1);
}

function timeMarks(from, until, x, width, any) {
  if (!any) return [];
  const step = stepFor((until - from) / Math.max(2, Math.floor(width / 85)));
  const zone = new Date(from * 1000).getTimezoneOffset() * 60;
  const marks = [];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= until; at += step) {
    if (x(at) < LEFT + 14 || x(at) > width - RIGHT - 14) continue;
    marks.push(draw("text", { x: x(at), y: HEIGHT - 6, "text-anchor": "middle" }, clockTime(at, step < 60)));
  }
  return marks;
}

const spot = (across, down) => `${across.toFixed(1)},${down.toFixed(1)}`;

/** A line of steps: a count is the same over its whole stretch. */
function stepPath(all, value, x, y) {
  const steps = all.map((one) => `${spot(x(one.at), y(value(one)))}L${spot(x(one.at + one.seconds), y(value(one)))}`);
  return steps.length ? `M${steps.join("L")}` : "";
}

/** A line through the middles of the stretches. A stretch without a value is a gap; a single point is a dot. */
function linePath(all, value, x, y) {
  let path = "", gap = true;
  for (const one of all) {
    const number = value(one);
    const here = number === null ? "" : spot(x(one.at + one.seconds / 2), y(number));
    if (here) path += gap ? `M${here}L${here}` : `L${here}`;
    gap = !here;
  }
  return path;
}
