'use strict';
// What window.Plotly is in the dashboard: three kinds of trace, and the components that lay them out.
var registry = require('plotly.js/src/registry');
var methods = require('plotly.js/src/plot_api');
var plots = require('plotly.js/src/plots/plots');

require('plotly.js/build/plotcss');

var Plotly = {
  version: require('plotly.js/src/version').version,
  register: registry.register,
  Plots: { resize: plots.resize, graphJson: plots.graphJson }
};
Object.keys(methods).forEach(function (name) {
  if (name.charAt(0) !== '_') { Plotly[name] = methods[name]; }
  registry.register({ moduleType: 'apiMethod', name: name, fn: methods[name] });
});
registry.register(require('plotly.js/src/traces/scatter')); // before the components, which ask whether it is there
registry.register([
  require('plotly.js/src/components/annotations'),
  require('plotly.js/src/components/shapes'),
  require('plotly.js/src/components/grid'),
  require('plotly.js/src/components/errorbars'),
  require('plotly.js/src/components/colorscale'),
  require('plotly.js/src/components/colorbar'),
  require('plotly.js/src/components/legend'),
  require('plotly.js/src/components/fx'),
  require('plotly.js/src/components/modebar'),
  require('plotly.js/src/locale-en'),
  require('plotly.js/src/locale-en-us'),
  require('plotly.js/src/traces/bar'),
  require('plotly.js/src/traces/heatmap')
]);
window.Plotly = Plotly;
