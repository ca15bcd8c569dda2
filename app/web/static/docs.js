// Swagger UI with the service's OpenAPI document, dark where the visitor's system is.

const dark = matchMedia("(prefers-color-scheme: dark)");
const showScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", showScheme);
showScheme();

SwaggerUIBundle({
  url: new URL("../openapi.json", import.meta.url).href,
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null, // by default Swagger UI sends the document to a public validator
  syntaxHighlight: { activated: true, theme: "agate" },
});
