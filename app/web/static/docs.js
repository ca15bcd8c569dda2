// Swagger UI with the service's OpenAPI document.

SwaggerUIBundle({
  url: new URL("../openapi.json", import.meta.url).href,
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null, // by default Swagger UI sends the document to a public validator
  syntaxHighlight: { activated: true, theme: "agate" },
});
