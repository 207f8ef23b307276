"use strict";

// Shows one clip: its frames lie as data in a <template>, which a browser does not load until they are asked for.
function start(player) {
  const frames = [...player.querySelector("template").content.children].map((one) => one.dataset);
  const canvas = player.querySelector("canvas");
  const context = canvas.getContext("2d");
  const play = player.querySelector(".play");
  const slider = player.querySelector("input[type=range]");
  const said = player.querySelector(".said");
  const boxes = [...player.querySelectorAll("input[type=checkbox]")];
  const curve = player.parentElement.querySelector(".curve");
  const pictures = new Map();
  const perSecond = 12;
  let playing = false;
  let turn = 0;
  let asked = 0;

  function picture(address) {
    if (!pictures.has(address)) {
      const image = new Image();
      pictures.set(address, new Promise((done) => {
        image.onload = () => done(image);
        image.onerror = () => done(null);
      }));
      image.src = address;
    }
    return pictures.get(address);
  }

  function layers(frame) {
    const shown = boxes.filter((box) => box.checked).map((box) => box.value);
    const attacked = shown.includes("adversarial") || !shown.includes("clean");
    const photo = (attacked && frame.attackedPhoto) || frame.photo;
    return [photo, ...shown.map((kind) => frame[kind])].filter(Boolean);
  }

  async function show() {
    const ticket = ++asked;
    const frame = frames[slider.value];
    const found = await Promise.all(layers(frame).map(picture));
    if (ticket !== asked) return; // a later frame was asked for while this one was decoded
    context.clearRect(0, 0, canvas.width, canvas.height);
    for (const image of found) if (image) context.drawImage(image, 0, 0, canvas.width, canvas.height);
    said.textContent = frame.said;
    canvas.setAttribute("aria-label", frame.said);
    slider.setAttribute("aria-valuetext", frame.said);
    if (curve) curve.querySelector(".cursor").style.left = frame.cursor + "%";
  }

  async function next(mine) {
    if (mine !== turn) return; // paused, and perhaps begun anew, since
    const begun = performance.now();
    slider.value = (Number(slider.value) + 1) % frames.length;
    await show();
    setTimeout(next, Math.max(0, 1000 / perSecond - (performance.now() - begun)), mine);
  }

  function run(wanted) {
    playing = wanted;
    play.textContent = playing ? "Pause" : "Play";
    turn += 1;
    if (playing) next(turn);
  }

  function seek(event) {
    const box = curve.querySelector("img").getBoundingClientRect();
    const at = 100 * (event.clientX - box.left) / box.width;
    const away = frames.map((frame) => Math.abs(frame.cursor - at));
    run(false);
    slider.value = away.indexOf(Math.min(...away));
    show();
  }

  play.addEventListener("click", () => run(!playing));
  canvas.addEventListener("click", () => run(!playing));
  slider.addEventListener("input", () => { run(false); show(); });
  for (const box of boxes) box.addEventListener("change", show);
  player.hidden = false;
  if (curve) {
    curve.querySelector(".cursor").hidden = false;
    curve.querySelector("img").addEventListener("click", seek);
  }
  show();
}

for (const player of document.querySelectorAll(".player")) start(player);
