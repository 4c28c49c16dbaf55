// Fetch the status, show it, fetch it again. The server answers after a second, or at once when the run ends.

const FIRST_PAUSE = 1, LONGEST_PAUSE = 60, TICK = 250, SPOKEN_EVERY = 60;
let snapshot = null, received = 0, spoken = "", spokenAt = -Infinity;

/** The time of the run's clock: the clock of this machine may differ. */
const runsNow = () => snapshot.now + (performance.now() - received) / 1000;

function show(latest) {
  snapshot = latest;
  received = performance.now();
  document.documentElement.classList.remove("gone");
  byId("app").hidden = false;
  byId("lost").hidden = true;
  for (const part of [showHero, showToDo, showPhases, showWindows, showLetters, showAnomalies, showFacts, showCharts]) part(latest);
  showMoving(latest, latest.now);
  setText(byId("fresh"), latest.outcome ? "" : `as of ${clockTime(latest.now, true)}`);
  const phase = latest.outcome ? undefined : present(latest), far = shareDone(latest) || (phase ? percent(phase) : "");
  document.title = `${far} ${headline(latest)[0]} · masivo-stream`.trim();
  speak(headline(latest)[0], far);
}

/** Tell screen readers the headline when it changes, and the progress once a minute. */
function speak(words, far) {
  const now = performance.now() / 1000;
  if (words === spoken && now - spokenAt < SPOKEN_EVERY) return;
  [spoken, spokenAt] = [words, now];
  setText(byId("spoken"), `${words}. ${far}`);
}

function miss(pause) {
  const lost = byId("lost");
  byId("app").hidden = false;
  lost.hidden = false;
  document.documentElement.classList.add("gone");
  const since = snapshot ? ` These are its figures of ${when(snapshot.now, snapshot.now)}.` : "";
  setText(lost, `The run does not answer: it has ended, or cannot be reached from here.${since} Next try in ${duration(pause)}.`);
  document.title = "No answer · masivo-stream";
  setText(byId("fresh"), "");
}

async function ask(wait) {
  const answer = await fetch(`status.json?wait=${wait}`, { cache: "no-store", signal: AbortSignal.timeout((wait + 10) * 1000) });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

async function watch() {
  let pause = FIRST_PAUSE, wait = 0;
  for (;;) {
    try {
      show(await ask(wait));
      if (snapshot.outcome) return;
      [pause, wait] = [FIRST_PAUSE, document.hidden ? 10 : 1];
    } catch {
      miss(pause);
      await new Promise((done) => setTimeout(done, pause * 1000));
      [pause, wait] = [Math.min(2 * pause, LONGEST_PAUSE), 0];
    }
  }
}

setInterval(() => {
  if (snapshot && !snapshot.outcome && byId("lost").hidden && !document.hidden) showMoving(snapshot, runsNow());
}, TICK);
addEventListener("resize", () => { if (snapshot) showCharts(snapshot); });
watch();
