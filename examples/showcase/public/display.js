// The live display: Action Cable's protocol (actioncable-v1-json) in plain JavaScript, so that nothing needs a build.
const totals = document.querySelector("#totals"), scores = document.querySelector("#scores");
const live = document.querySelector("#live"), template = document.querySelector("template");
const totalsUrl = document.currentScript.dataset.totals;
const cableUrl = new URL(document.querySelector("meta[name=action-cable-url]").content, location.href);
cableUrl.protocol = cableUrl.protocol.replace("http", "ws");

const identifier = JSON.stringify({ channel: "DisplayChannel" });
const tell = (on, text) => { live.classList.toggle("on", on); live.textContent = text; };

function showScore(score) {
  const item = template.content.cloneNode(true);
  item.querySelector("output").textContent = score.value;
  item.querySelector("strong").textContent = score.name;
  item.querySelector("small").textContent = `${score.dance} · judge ${score.judge}`;
  scores.prepend(item);
  while (scores.children.length > 8) scores.lastElementChild.remove();
}

// The list is sorted by the server; each line slides from its old place to its new one.
function showTotals(list) {
  const before = new Map([...totals.children].map(item => [item, item.getBoundingClientRect().top]));
  for (const { couple, total } of list) {
    const item = totals.querySelector(`[data-couple="${couple}"]`);
    item.querySelector("output").textContent = total;
    totals.append(item);
  }
  for (const [item, top] of before) {
    const way = top - item.getBoundingClientRect().top;
    if (way) item.animate({ transform: [`translateY(${way}px)`, "none"] }, { duration: 400, easing: "ease-out" });
  }
}

// When Sidekiq adds up, in a process of its own, the totals come a moment later and without a message.
let asked;
function askTotals() {
  clearTimeout(asked);
  asked = setTimeout(async () => showTotals((await (await fetch(totalsUrl)).json()).totals), 1000);
}

function connect(delay = 1000) {
  const socket = new WebSocket(cableUrl, ["actioncable-v1-json"]);
  socket.onmessage = ({ data }) => {
    const { type, message } = JSON.parse(data);
    if (type === "welcome") socket.send(JSON.stringify({ command: "subscribe", identifier }));
    if (type === "confirm_subscription") { delay = 1000; tell(true, "live"); askTotals(); }
    if (message?.score) { showScore(message.score); askTotals(); }
    if (message?.totals) showTotals(message.totals);
  };
  socket.onclose = () => {
    tell(false, "connecting");
    setTimeout(connect, delay, Math.min(delay * 2, 15000));
  };
}

connect();
