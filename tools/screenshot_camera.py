"""A camera before the dashboard: pictures light and dark, wide and narrow, of 256 colours, in docs/images."""

import base64
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.journeys.browser import Served, Visitor  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SIZES = {"wide": (1440, 900), "narrow": (375, 780)}

QUANTIZE = """async (png) => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + png;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) { counts.set(pixel, (counts.get(pixel) || 0) + 1); }
  const split = pixel => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const common = [...counts.entries()].sort((a, b) => b[1] - a[1]).map(each => each[0]);
  const palette = [];
  for (const far of [5, 2, 0]) {
    for (const pixel of common) {
      if (palette.length === 256) { break; }
      const own = split(pixel);
      if (palette.every(each => each.some((value, part) => Math.abs(value - own[part]) > far))) { palette.push(own); }
    }
  }
  const nearest = new Map();
  for (const pixel of common) {
    const own = split(pixel);
    let best = 0, least = Infinity;
    palette.forEach((each, index) => {
      const distance = each.reduce((sum, value, part) => sum + (value - own[part]) ** 2, 0);
      if (distance < least) { least = distance; best = index; }
    });
    nearest.set(pixel, best);
  }
  let indices = '';
  for (const pixel of pixels) { indices += String.fromCharCode(nearest.get(pixel)); }
  return { width: image.width, height: image.height, palette: palette.flat(), indices: btoa(indices) };
}"""
"""The commonest colours that differ, then such as differ less, and for each pixel the nearest of them."""


@dataclass
class Camera:
    """Takes pictures of what one visitor sees, in one scheme and size."""

    visitor: Visitor
    painter: Page
    ending: str

    def show(self, pages: dict[str, str]) -> None:
        """Goes to each address and keeps its picture under the name."""
        for name, address in pages.items():
            self.visitor.go(address)
            self.keep(name)

    def keep(self, page: str) -> None:
        """Writes a picture, unless the command line names other pages."""
        if sys.argv[1:] and page not in sys.argv[1:]:
            return
        for figure in self.visitor.page.locator(".figure:visible").all():
            figure.locator(".main-svg").first.wait_for()
        self.visitor.page.mouse.move(0, 0)
        self.visitor.page.evaluate("document.activeElement.blur()")
        self.visitor.page.wait_for_timeout(300)
        write(self.painter, self.visitor.page.screenshot(), IMAGES / f"dashboard-{page}-{self.ending}.png")


Tour = Callable[[Camera], None]


def take(browser: Browser, served: Served, tours: tuple[Tour, ...]) -> None:
    """All tours in each scheme and size, each by a visitor who has not signed in."""
    painter = browser.new_page()
    for scheme in ("light", "dark"):
        for name, (width, height) in SIZES.items():
            for tour in tours:
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                )
                tour(Camera(Visitor(context, served), painter, f"{scheme}-{name}"))
                context.close()
    painter.close()


def write(painter: Page, png: bytes, place: Path) -> None:
    """Writes a picture with a palette. source  PNG (ISO/IEC 15948:2004), colour type 3."""
    found = painter.evaluate(QUANTIZE, base64.b64encode(png).decode())
    width, height, indices = found["width"], found["height"], base64.b64decode(found["indices"])
    rows = b"".join(b"\0" + indices[start : start + width] for start in range(0, width * height, width))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(found["palette"])),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    place.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    print(f"{place.relative_to(ROOT)}  {place.stat().st_size:,} bytes")
