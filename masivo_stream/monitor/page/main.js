// Ask, show, ask again. The server answers after a second, or at once when the run ends; then it is gone.

const FIRST_PAUSE = 1, LONGEST_PAUSE = 60, TICK = 250, SPOKEN_EVERY = 60;
let snapshot = null, received = 0, spoken = "", spokenAt = -Infinity;

/** The run's own clock: this machine's may stand elsewhere. */
const runsNow = () => snapshot.now + (performance.now() - received) / 1000;

function show(told) {
  snapshot = told;
  received = performance.now();
  document.documentElement.classList.remove("gone");
  byId("app").hidden = false;
  byId("lost").hidden = true;
  for (const part of [showHero, showPhases, showWindows, showLetters, showAnomalies, showFacts, showCharts]) part(told);
  showMoving(told, told.now);
  say(byId("fresh"), told.outcome ? "" : `as of ${clockTime(told.now, true)}`);
  const phase = told.outcome ? undefined : present(told), far = phase ? percent(phase) : "";
  document.title = `${far} ${headline(told)[0]} · masivo-stream`.trim();
  speak(headline(told)[0], far);
}

/** Say it to who cannot see it: when it changes, and how far it is once a minute. */
function speak(words, far) {
  const now = performance.now() / 1000;
  if (words === spoken && now - spokenAt < SPOKEN_EVERY) return;
  [spoken, spokenAt] = [words, now];
  say(byId("spoken"), `${words}. ${far}`);
}

function miss(pause) {
  const lost = byId("lost");
  byId("app").hidden = false;
  lost.hidden = false;
  document.documentElement.classList.add("gone");
  const since = snapshot ? ` This is how it stood at ${when(snapshot.now, snapshot.now)}.` : "";
  say(lost, `The run does not answer: it has ended, or cannot be reached from here.${since} Asked again in ${duration(pause)}.`);
  document.title = "No answer · masivo-stream";
  say(byId("fresh"), "");
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
