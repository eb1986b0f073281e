// The colour spaces in which plotly.js reads and writes colours; the others of culori are left out.
import {
  converter, formatHex, formatRgb, modeHsl, modeLrgb, modeRgb, useMode, wcagContrast, wcagLuminance
} from 'culori/fn';

[modeRgb, modeHsl, modeLrgb].forEach(useMode);
export { converter, formatHex, formatRgb, wcagContrast, wcagLuminance };
