smallest => {
  const shown = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [role=button], [tabindex="0"]')]
    .filter(each => each.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) && !each.closest('.hidden-text, .skip, dialog')
      && !each.matches('.hidden-text, .skip, [type=hidden]'));
  const boxes = shown.map(each => each.getBoundingClientRect());
  const isIn = each => { const line = each.parentElement; return getComputedStyle(each).display === 'inline' && line.innerText.trim().length > each.innerText.trim().length; };
  return shown.filter((each, at) => {
    const box = boxes[at];
    if (!box.width || (box.width >= smallest && box.height >= smallest) || isIn(each)) return false;
    if (each.matches('input[type=radio], input[type=checkbox]') && each.closest('label, .mantine-Chip-root, [class*=SegmentedControl]')) return false;
    const x = box.x + box.width / 2, y = box.y + box.height / 2;  // the exception of spacing: a circle of 24 touches no other target
    return boxes.some((other, place) => place !== at && other.width && !shown[place].contains(each) && !each.contains(shown[place]) &&
      Math.hypot(Math.max(other.left - x, 0, x - other.right), Math.max(other.top - y, 0, y - other.bottom)) < smallest / 2);
  }).map(each => each.outerHTML.slice(0, 160));
}
