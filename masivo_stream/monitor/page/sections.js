// The sections of the page. Each is drawn from the snapshot alone.

const STATES = {
  ahead: "not begun", working: "under way", visible: "becoming visible", done: "done", left: "stopped",
};
const ENDS = {
  complete: ["Complete", "good"],
  dead_letters: ["Complete, with dead letters", "warn"],
  in_doubt: ["Ended, with batches in doubt", "warn"],
  interrupted: ["Interrupted", "warn"],
  stopped: ["Stopped", "bad"],
};
const REMEDIES = JSON.parse(byId("remedies").textContent);

/** The kind that the run is working on. */
function present(snapshot) {
  return snapshot.phases.find((phase) => phase.state === "working" || phase.state === "visible");
}

/** Why no finishing time can be said although the run is at work; empty if one can, or if it is not known yet. */
function noEnd(snapshot) {
  if (snapshot.outcome) return "";
  return printable(snapshot.no_end ?? "") || (snapshot.wait.what === "retry" ? "no finishing time while the API does not answer" : "");
}

/** How much of the whole run is done; never 100 % before everything has its outcome. */
function shareDone(snapshot) {
  const share = snapshot.share ?? null;
  return share === null ? "" : `${Math.min(share < 1 ? 99 : 100, Math.floor(100 * share))} %`;
}

/** Whether records of a kind have no outcome yet: they are in doubt, or not sent. */
function open(phase) {
  return phase.figures.in_doubt > 0 || phase.figures.pending > 0;
}

/** What the run does now, in words, and the colour of the lamp. */
function headline(snapshot) {
  if (snapshot.outcome) return ENDS[snapshot.outcome] ?? [printable(snapshot.outcome), "warn"];
  const phase = present(snapshot);
  switch (snapshot.wait.what) {
    case "visible": return [`Waiting until ${phase?.kind ?? "records"} are visible`, "working"];
    case "retry": return ["Waiting to try again", "warn"];
    case "read_back": return ["Waiting to read customers back", "warn"];
    case "drain": return ["Stopping", "warn"];
    case "paused": return ["Paused", "warn"];
    default: if (phase) return [`Migrating ${phase.kind}`, "working"];
  }
  return snapshot.phases.some((one) => one.state !== "ahead") ? ["Finishing", "working"] : ["Starting", "quiet"];
}

/** How far a kind is: part and whole. By requests if their number can be estimated, since reading is ahead of sending. */
function reach(phase) {
  if (phase.state === "done" && open(phase)) {
    const { read, in_doubt: doubtful, pending } = phase.figures;
    return [read - doubtful - pending, read];
  }
  if (phase.state === "done" || phase.state === "visible") return [1, 1];
  if (phase.requests_needed) return [phase.figures.requests, phase.requests_needed];
  return [phase.bytes_read, phase.size];
}

/** The same in words; never 100 % before it is done. */
function percent(phase) {
  const [part, whole] = reach(phase);
  if (!whole || phase.state === "ahead") return "";
  const most = part === whole && phase.state !== "working" ? 100 : 99;
  return `${Math.min(most, Math.floor(100 * part / whole))} %`;
}

const RECENTLY = 900;

function showHero(snapshot) {
  const [words, lamp] = headline(snapshot);
  setText(byId("account"), printable([snapshot.target, snapshot.account && `account ${snapshot.account}`].filter(Boolean).join(", ")));
  setText(byId("headline"), words);
  byId("lamp").className = `lamp ${lamp}`;
  const ended = Boolean(snapshot.outcome);
  const known = ended || (snapshot.ends_at !== null && !noEnd(snapshot));
  byId("finish").hidden = !known;
  setText(byId("share"), shareDone(snapshot));
  byId("share-part").hidden = !shareDone(snapshot);
  setText(byId("finish-label"), ended ? "ended" : snapshot.about === false ? "ends at" : "ends about");
  setText(byId("finish-at"), when(ended ? snapshot.now : snapshot.ends_at ?? snapshot.now, snapshot.now));
  const moved = snapshot.moved ?? null;
  const reason = ended ? "" : noEnd(snapshot) || (moved && snapshot.now - moved.at < RECENTLY ?
    `the end has moved from ${when(moved.was, snapshot.now)} to ${when(moved.now, snapshot.now)}: ${printable(moved.why)}` : "");
  const beside = ended || !known || !snapshot.other_runs ? "" : snapshot.other_runs === 1
    ? "another run uses this account: what it has left to send is counted"
    : `${snapshot.other_runs} other runs use this account: what they have left to send is counted`;
  const sentences = [beside, reason].filter(Boolean).map((text) => text[0].toUpperCase() + text.slice(1) + ".");
  setText(byId("forecast"), sentences.join(" "));
}

/** The parts that move between two pictures; `now` is the run's clock. */
function showMoving(snapshot, now) {
  const ended = Boolean(snapshot.outcome);
  const join = snapshot.wait.what === "drain" ? " " : " in "; // `…, at most 30 s`, `next slot in 3 s`
  const until = snapshot.wait.until === null ? 0 : snapshot.wait.until - now;
  const left = until > 0 ? join + countdown(until) : "";
  const text = printable(snapshot.wait.text);
  setText(byId("wait"), ended || !text ? "" : text[0].toUpperCase() + text.slice(1) + left);
  setText(byId("finish-in"), ended ? `after ${duration(snapshot.now - snapshot.began)}` : `in ${duration((snapshot.ends_at ?? now) - now)}`);
  for (const row of byId("windows").children) if (row.moves) row.moves(now);
}

/** What a person must do: sentences, each with a command if there is one. */
function toDo(snapshot) {
  const steps = (snapshot.to_do ?? []).map((step) => [printable(step.text).replaceAll("`", ""), printable(step.command)]);
  const paused = snapshot.paused ?? null;
  if (!paused || snapshot.outcome) return steps;
  const by = paused.by ? ` by ${printable(paused.by)}` : "";
  return [[`paused since ${when(paused.since, snapshot.now)}${by}: nothing is sent`, printable(paused.command)], ...steps];
}

/** What comes before the steps, or in place of them. */
function remark(snapshot) {
  if (snapshot.outcome) return toDo(snapshot).length ? "" : "Nothing.";
  if (snapshot.paused) return "";
  const now = noEnd(snapshot) ? "Nothing: the run tries again by itself." : "Nothing now.";
  if (!toDo(snapshot).length) return noEnd(snapshot) ? now : "Nothing.";
  const sum = (name) => snapshot.phases.reduce((whole, phase) => whole + phase.figures[name], 0);
  const [doubtful, dead] = [sum("in_doubt"), sum("dead")];
  const what = [doubtful && `${count(doubtful)} in doubt`, dead && plural(dead, "dead letter")].filter(Boolean).join(", ");
  return `${now} When the run has ended: ${what}.`;
}

function showToDo(snapshot) {
  const all = toDo(snapshot), list = byId("todo"), words = remark(snapshot);
  setText(byId("todo-remark"), words);
  byId("todo-remark").hidden = !words;
  const optional = snapshot.outcome === "complete" && all.length;
  setText(byId("todo-title"), optional ? "What you can do" : "What you must do");
  const create = () => make("li", "", make("p"), make("code", "command"));
  syncChildren(list, all, ([text, command]) => `${text} ${command}`, create, (row, [text, command]) => {
    setText(row.firstChild, text && text[0].toUpperCase() + text.slice(1));
    setCommand(row.lastChild, command);
    row.lastChild.hidden = !command;
  });
  list.hidden = !all.length;
  byId("todo-card").className = all.length && !optional ? "card attention" : "card";
}

function showPhases(snapshot) {
  const create = (phase) => make("li", "",
    make("div", "kind", phase.kind, make("span", "state")),
    make("div", "", make("div", "reach", bar("progressbar", phase.kind), make("span", "percent")), make("dl", "figures")));
  syncChildren(byId("phases"), snapshot.phases, (phase) => phase.kind, create, (row, phase) => {
    const [name, rest] = row.children, [line, list] = rest.children, [part, whole] = reach(phase);
    row.className = open(phase) && phase.state === "done" ? "done open" : phase.state;
    setText(name.lastChild, phase.probes?.[1] && phase.state === "visible"
      ? `${phase.probes[0]} of ${phase.probes[1]} probes seen` : STATES[phase.state] ?? phase.state);
    setBar(line.firstChild, part, whole, percent(phase) || STATES[phase.state]);
    setText(line.lastChild, percent(phase));
    list.hidden = phase.state === "ahead" && !phase.figures.read;
    figures(list, phaseFigures(phase));
  });
  showUnread(snapshot);
  nothing(byId("phases"), "opening the exports and the state directory");
}

/** What was not read yet, of all kinds: a row of its own. */
function showUnread(snapshot) {
  const unread = snapshot.unread ?? 0, row = byId("unread");
  row.hidden = !unread;
  if (!unread) return;
  const read = snapshot.phases.reduce((whole, phase) => whole + phase.figures.read, 0);
  const about = snapshot.phases.every((phase) => phase.exact) ? "" : "about ";
  const share = Math.floor(100 * unread / (unread + read)), words = share ? `${share} %` : "less than 1 %";
  const [name, rest] = row.children, [line, told] = rest.children;
  if (!line.children.length) line.append(bar("meter", "not read yet"), make("span", "percent"));
  setBar(line.firstChild, unread, unread + read, words);
  setText(line.lastChild, share ? words : "< 1 %");
  setText(told, `${about}${plural(unread, "record")}`);
}

function phaseFigures(phase) {
  const found = phase.figures;
  const alarm = (number, kind) => number ? kind : "zero";
  const items = phase.kind === "customers" ? [] : [[phase.kind, count(found.items_accepted)]];
  const needed = phase.requests_needed && phase.state !== "done" ? ` of ${count(phase.requests_needed)}` : "";
  return [
    ["read", count(found.read)],
    ["accepted", count(found.accepted)],
    ...items,
    ["requests", count(found.requests) + needed],
    ["records/s", found.seconds > 0 ? brief(found.accepted / found.seconds) : "–"],
    ["dead letters", count(found.dead), alarm(found.dead, "bad")],
    ["in doubt", count(found.in_doubt), alarm(found.in_doubt, "warn")],
    ...(found.skipped ? [["skipped", count(found.skipped)]] : []),
  ];
}

const FEW = 12;

function showWindows(snapshot) {
  const list = byId("windows");
  const create = (use) => {
    const trough = bar("meter", `${scope(use)}, ${rate(use)}`);
    return make("li", "", make("div", "line", make("span"), make("span", "note")), trough);
  };
  const key = (use) => `${use.scope} ${use.limit}/${use.seconds} ${use.hours}`;
  syncChildren(list, snapshot.windows, key, create, (row, use) => {
    const [line, trough] = row.children;
    setText(line.firstChild, rate(use));
    trough.title = printable(use.scope);
    if (use.limit > 1 && use.limit <= FEW) slots(trough, use);
    row.moves = (now) => {
      const left = use.free_at === null || snapshot.outcome ? 0 : Math.max(0, use.free_at - now);
      row.className = left > 0 && use.limit > 1 ? "full" : ""; // one in a few seconds: it is always full
      const text = `${count(use.used)} of ${count(use.limit)} used`;
      const free = snapshot.outcome ? "the run has ended" : use.in_force ? "a slot is free" : "not at this hour";
      const next = left > 0 ? `next slot in ${countdown(left)}` : free;
      setText(line.lastChild, `${scope(use)} · ${use.limit <= 1 ? next : `${text}, ${next}`}`);
      if (use.limit === 1) setBar(trough, left, use.seconds, next); // the one slot, as it comes back
      else if (use.limit > FEW) setBar(trough, use.used, use.limit, text);
    };
    row.moves(snapshot.now);
  });
  nothing(list, "no limits, or none known yet");
}

function rate(use) {
  const pace = use.limit ? `${count(use.limit)} per ${span(use.seconds)}` : "pause";
  return use.hours ? `${printable(use.hours)}: ${pace}` : pace;
}

function scope(use) {
  return { migration: "migrating", general: "all calls" }[use.scope] ?? printable(use.scope.replace("migration/", ""));
}

function slots(trough, use) {
  trough.classList.add("slots");
  trough.replaceChildren(...Array.from({ length: use.limit }, (_, place) => make("span", place < use.used ? "slot used" : "slot")));
  trough.setAttribute("aria-valuemax", use.limit);
  trough.setAttribute("aria-valuenow", Math.min(use.used, use.limit));
}

function showLetters(snapshot) {
  const sums = new Map();
  for (const phase of snapshot.phases) {
    for (const [reason, number] of Object.entries(phase.figures.reasons)) {
      const into = sums.get(reason) ?? { reason, number: 0, kinds: [] };
      into.number += number;
      into.kinds.push(phase.kind);
      sums.set(reason, into);
    }
  }
  const all = [...sums.values()].sort((one, other) => other.number - one.number);
  const whole = all.reduce((sum, one) => sum + one.number, 0);
  const create = () => make("li", "letters", make("div", "line", make("span"), make("span")), bar("meter", "share"), make("div", "note"));
  syncChildren(byId("letters"), all, (one) => one.reason, create, (row, one) => {
    const [line, trough, note] = row.children;
    setText(line.firstChild, printable(one.reason.replaceAll("_", " ")));
    setText(line.lastChild, `${count(one.number)} · ${one.kinds.join(", ")}`);
    trough.setAttribute("aria-label", `share of ${printable(one.reason)}`);
    setBar(trough, one.number, whole, `${count(one.number)} of ${count(whole)}`);
    setText(note, Object.hasOwn(REMEDIES, one.reason) ? REMEDIES[one.reason] : "");
  });
  setText(byId("letters-sum"), whole ? count(whole) : "");
  byId("letters-part").hidden = !whole;
}

const MOST_ANOMALIES = 12; // the log has them all

/** One line for each cause: first what lasts, then what is over, the latest first. */
function causes(snapshot) {
  const lasting = (snapshot.warnings ?? []).map((one) => ({ ...one, lasts: true }));
  const over = snapshot.anomalies.filter((one) => !lasting.some((other) => other.at === one.at && other.event === one.event));
  return [...over, ...lasting].slice(-MOST_ANOMALIES).reverse();
}

function showAnomalies(snapshot) {
  const create = () => make("li", "", make("time"), make("div"));
  syncChildren(byId("anomalies"), causes(snapshot), (one) => `${one.first_at ?? one.at} ${one.event} ${one.text}`, create, (row, one) => {
    setText(row.firstChild, clockTime(one.at, true));
    row.firstChild.dateTime = new Date(one.at * 1000).toISOString();
    row.className = one.lasts ? "anomaly warn" : "anomaly";
    const again = (one.again_at ?? null) === null ? "" : `, again in ${countdown(Math.max(0, one.again_at - snapshot.now))}`;
    const times = one.times > 1 ? `, ${count(one.times)} times since ${clockTime(one.first_at, true)}` : "";
    setText(row.lastChild, printable(one.text || one.event.replaceAll("_", " ")) + again + times);
  });
  nothing(byId("anomalies"), "none");
}

/** Say `words` in a list that is empty. */
function nothing(list, words) {
  if (!list.children.length) {
    const row = make("li", "none", words);
    row.dataset.key = "nothing";
    list.append(row);
  }
}

function showFacts(snapshot) {
  figures(byId("facts"), [
    ["started", when(snapshot.began, snapshot.now)],
    ["in flight", plural(snapshot.in_flight, "request")],
    ["throttled", count(snapshot.throttled), snapshot.throttled ? "warn" : ""],
    ["longest stall", `${brief(snapshot.stall)} s`, snapshot.stall > 0.5 ? "warn" : ""],
    ["memory", bytes(snapshot.resident)],
    ["version", printable(snapshot.version)],
  ]);
}

function showCharts(snapshot) {
  const all = stretches(snapshot);
  const during = (one) => `${clockTime(one.at, one.seconds < 60)} to ${clockTime(one.at + one.seconds, one.seconds < 60)}`;
  chart(byId("throughput"), all, {
    area: true,
    value: (one) => one.rate ?? 0,
    tell: (one) => `${during(one)}: ${brief(one.rate)} records per second, ${plural(one.requests, "request")}`,
    label: "Throughput over time",
  });
  chart(byId("latency"), all, {
    value: (one) => one.mean ?? null,
    extra: (one) => one.slowest ?? null,
    tell: (one) => one.mean === null ? `${during(one)}: no answer` :
      `${during(one)}: ${brief(one.mean)} s on average, slowest ${brief(one.slowest ?? one.mean)} s`,
    label: "Latency over time",
  });
}
