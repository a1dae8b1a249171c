// The models on the settings page: those that are here, and what to type for those that are not.

import { copyButton } from "./copytext.js";
import { h, icon } from "./dom.js";

/** What stands below the heading. */
export function modelList(models) {
  const lead = models.some((model) => model.command) && "Nothing is downloaded from this page. A command below, typed in Wanderbook's folder, shows the model's terms and fetches it once they are agreed to.";
  return [lead && h("p", { class: "help" }, lead), h("ul", { class: "rows" }, models.map(modelRow))];
}

function modelRow(model) {
  const says = [model.name, model.license && `License: ${model.license}`, !model.sources.length && model.source, model.needs];
  const paths = [model.folder, model.revision && `revision ${model.revision}`, ...model.sources];
  return h(
    "li",
    { class: "row", "data-model": model.name },
    h("div", { class: "top" }, h("b", null, model.title), model.state && h("span", { class: "state" }, model.state), h("p", { class: "size" }, model.size)),
    model.problem && h("p", { class: "err" }, icon("warn"), h("span", null, model.problem)),
    h("div", { class: "what" }, lines(says), lines(paths, "path")),
    model.command && commandLine(model),
  );
}

function lines(texts, kind) {
  return texts.filter(Boolean).map((text) => h("p", { class: kind }, text));
}

function commandLine(model) {
  const shown = h("code", null, model.command);
  return h("div", { class: "command" }, shown, copyButton(shown, { "aria-label": `Copy the command for ${model.title}` }));
}
