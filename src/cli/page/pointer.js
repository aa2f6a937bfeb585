/*
 * How the timeline follows the pointer and the keys.
 */

/* ------------------------------------------------------------ the pointer */

/* The attempt under the pointer, or within a few pixels of it; -1: none. An
 * attempt that the filters let through is preferred. */
function barAt(x, y) {
  const row = rowAt(y);
  if (row < 0 || x < layout.gutter) {
    return -1;
  }
  const bars = rowBars[row];
  let best = -1, least = 4;
  for (let i = Math.max(0, firstBar(bars, usOf(x - 5)) - 1); i < bars.length; i++) {
    const at = bars[i];
    const left = xOf(attempts.start[at]);
    if (left > x + 5) {
      break;
    }
    const right = xOf(attempts.start[at] + attempts.drawn[at]);
    const miss = x < left ? left - x : x > right ? x - right : 0;
    const far = miss + (isWanted(at) ? 0 : 3) + (attempts.kind[at] === OK ? 0.4 : 0);
    if (far < least) {
      best = at;
      least = far;
    }
  }
  return best;
}

function tipFor(at) {
  const id = attempts.job[at];
  const run = attempts.run[at];
  const words = [
    element('div', {}, element('b', {}, `Job ${titleOf(id)}`), ' ',
      stateMark(KINDS[attempts.kind[at]]))];
  if (argsOf(id)) {
    words.push(element('div', {}, argsOf(id)));
  }
  if (commandOf(id)) {
    words.push(element('div', { class: 'command' }, commandOf(id)));
  }
  const begin = whenAt(run, attempts.start[at]);
  words.push(
    element('div', {}, `${duration(attempts.time[at])}, from ${clock(begin)} on ${rowLabel(attempts.row[at])}`));
  const more = [endOf(at)];
  if (attempts.kind[at] !== BEGUN) {
    more.push(`CPU ${percent(cpuShare(at))}`, size(attempts.rss[at]));
  }
  if (attempts.n[at] > 1) {
    more.push(`attempt ${attempts.n[at]}`);
  }
  if (attempts.cores[at] > 1) {
    more.push(`${attempts.cores[at]} cores`);
  }
  words.push(element('div', { class: 'muted' }, more.filter(Boolean).join(' \u00b7 ')));
  return words;
}

function showTip(at, x, y) {
  const tip = $('tip');
  if (at < 0) {
    tip.hidden = true;
    return;
  }
  fill(tip, ...tipFor(at));
  tip.hidden = false;
  const left = Math.min(x + 14, window.innerWidth - tip.offsetWidth - 8);
  const below = y + 18 + tip.offsetHeight < window.innerHeight;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${below ? y + 18 : y - tip.offsetHeight - 12}px`;
}

function placeIn(target, event) {
  const box = target.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/* Dragging zooms in; with Shift, or by touch, it moves the view. */
function followChart() {
  const chart = $('chart');
  let drag = null;
  chart.addEventListener('pointerdown', (event) => {
    if (event.button === 0) {
      const [x, y] = placeIn(chart, event);
      drag = { x, y, moves: event.shiftKey || event.pointerType === 'touch',
        from: view.from, to: view.to, isFar: false };
      chart.setPointerCapture(event.pointerId);
    }
  });
  chart.addEventListener('pointermove', (event) => {
    const [x, y] = placeIn(chart, event);
    if (!drag) {
      const at = barAt(x, y);
      chart.style.cursor = at >= 0 ? 'pointer' : 'crosshair';
      showTip(at, event.clientX, event.clientY);
      return;
    }
    drag.isFar = drag.isFar || Math.abs(x - drag.x) > 4;
    if (!drag.isFar) {
      return;
    }
    showTip(-1);
    if (drag.moves) {
      const by = (drag.x - x) / plotWidth() * (drag.to - drag.from);
      setView(drag.from + by, drag.to + by);
    } else {
      range = [drag.x, x];
      redraw();
    }
  });
  chart.addEventListener('pointerup', (event) => {
    const [x, y] = placeIn(chart, event);
    const was = drag;
    drag = range = null;
    if (!was) {
      return;
    }
    showTip(-1);
    if (!was.isFar) {
      const at = barAt(x, y);
      if (at >= 0) {
        openJob(attempts.job[at]);
      }
    } else if (!was.moves) {
      setView(Math.min(usOf(was.x), usOf(x)), Math.max(usOf(was.x), usOf(x)));
    }
    redraw();
  });
  chart.addEventListener('pointercancel', () => {
    drag = range = null;
    redraw();
  });
  chart.addEventListener('pointerleave', () => showTip(-1));
  chart.addEventListener('dblclick', () => setView(0, length));
  followWheel(chart);
}

/* With Ctrl the wheel zooms, with Shift it moves the view. Otherwise it scrolls
 * the page or the lanes. */
function followWheel(chart) {
  chart.addEventListener('wheel', (event) => {
    const [x] = placeIn(chart, event);
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 240))),
        usOf(Math.max(layout.gutter, x)));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      pan((event.deltaX || event.deltaY) / plotWidth());
    }
  }, { passive: false });
}

/* Dragging moves the view; if everything is in view, it selects a part. */
function followOverview() {
  const overview = $('overview');
  let begin = null;
  const move = (us) => {
    const span = view.to - view.from;
    setView(us - span / 2, us + span / 2);
  };
  overview.addEventListener('pointerdown', (event) => {
    const us = overviewUs(placeIn(overview, event)[0]);
    begin = { us, chooses: isAll() };
    overview.setPointerCapture(event.pointerId);
    if (!begin.chooses) {
      move(us);
    }
  });
  overview.addEventListener('pointermove', (event) => {
    const us = overviewUs(placeIn(overview, event)[0]);
    if (begin && !begin.chooses) {
      move(us);
    } else if (begin && Math.abs(us - begin.us) > length / 200) {
      setView(Math.min(us, begin.us), Math.max(us, begin.us));
    }
  });
  const end = () => { begin = null; };
  overview.addEventListener('pointerup', end);
  overview.addEventListener('pointercancel', end);
  overview.addEventListener('dblclick', () => setView(0, length));
}

/* ------------------------------------------------------------ keys */

/* Goes to the next failed attempt, or to the first. */
function nextFailed() {
  const failed = byStart.filter((at) => attempts.kind[at] === FAILED);
  if (failed.length === 0) {
    return;
  }
  const now = failed.indexOf(selected ? latest[selected] : -1);
  const at = failed[(now + 1) % failed.length];
  revealBar(at);
  openJob(attempts.job[at]);
}

const KEYS = {
  '+': () => zoom(0.5),
  '=': () => zoom(0.5),
  '-': () => zoom(2),
  '0': () => setView(0, length),
  'Home': () => setView(0, length),
  'ArrowLeft': () => pan(-0.2),
  'ArrowRight': () => pan(0.2),
  'f': nextFailed,
};

function followKeys() {
  $('lanes').addEventListener('keydown', (event) => {
    const act = KEYS[event.key];
    if (act && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      act();
    }
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !$('detail').hidden) {
      closeJob();
    }
  });
}

/* Brings a bar into view, with its surroundings. */
function revealBar(at) {
  const middle = attempts.start[at] + attempts.drawn[at] / 2;
  const span = Math.min(view.to - view.from, Math.max(attempts.drawn[at] * 12, length / 500));
  setView(middle - span / 2, middle + span / 2);
  $('lanes').scrollTop = Math.max(0,
    attempts.row[at] * layout.lane - (layout.visible - TOP) / 2);
}
