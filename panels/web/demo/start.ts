import { draw } from "./main";

const asked = new URLSearchParams(location.search);
draw(asked.get("show") ?? "components", asked.get("theme") === "light" ? "light" : "dark");
