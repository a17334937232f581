// Keeps the page current: an event says that something changed, the page is fetched again, and only
// the parts that differ are replaced. Scroll position, open details, focus and selections stay.
(() => {
  'use strict';
  const live = document.getElementById('live');
  let busy = false;
  let stale = false;
  let shown = document.getElementById('content').dataset.version;

  const show = (text, state) => {
    live.textContent = text;
    live.dataset.state = state;
  };

  const refresh = async () => {
    if (busy) {
      stale = true;
      return;
    }
    busy = true;
    try {
      do {
        stale = false;
        const answer = await fetch(location.href, { headers: { accept: 'text/html' }, cache: 'no-store' });
        if (answer.ok) merge(new DOMParser().parseFromString(await answer.text(), 'text/html'));
      } while (stale);
    } catch {
      show('connection lost', 'lost');
    } finally {
      busy = false;
    }
  };

  const merge = (next) => {
    document.title = next.title;
    const now = document.getElementById('content');
    const content = next.getElementById('content');
    shown = content.dataset.version;
    const parts = (root) => [...root.querySelectorAll('[data-part]')];
    const names = (root) => parts(root).map((part) => part.dataset.part).join();
    if (names(now) !== names(content)) {
      now.replaceWith(content);
      return;
    }
    const fresh = new Map(parts(content).map((part) => [part.dataset.part, part]));
    for (const part of parts(now)) {
      const other = fresh.get(part.dataset.part);
      keepOpen(part, other);
      if (!part.isEqualNode(other) && !inUse(part)) replace(part, other);
    }
  };

  const keepOpen = (from, to) => {
    for (const details of from.querySelectorAll('details[id]')) {
      const other = to.querySelector(`#${CSS.escape(details.id)}`);
      if (other) other.open = details.open;
    }
  };

  // Text that somebody is marking is not pulled away under the pointer.
  const inUse = (part) => {
    const selection = getSelection();
    return selection && !selection.isCollapsed && selection.containsNode(part, true);
  };

  const replace = (part, other) => {
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    part.replaceWith(other);
    const href = focused?.getAttribute('href');
    const again = focused?.id
      ? document.getElementById(focused.id)
      : href && other.querySelector(`[href="${CSS.escape(href)}"]`);
    again?.focus({ preventScroll: true });
  };

  const events = new EventSource('v1/events');
  events.addEventListener('verdict', (event) => {
    show('live', 'live');
    if (event.lastEventId !== shown) refresh();
  });
  events.addEventListener('open', () => show('live', 'live'));
  events.addEventListener('error', () => show('reconnecting', 'lost'));
  show('connecting', 'lost');
})();
