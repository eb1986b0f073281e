'use strict';
// In the place of what no figure of ours has: a bar of buttons, selections by lasso and box.
function nothing() {}
module.exports = nothing;
nothing.prepSelect = nothing.selectOnClick = nothing.clearOutline = nothing.clearSelectionsCache = nothing;
