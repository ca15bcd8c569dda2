// The API's description, shown by Swagger UI.

SwaggerUIBundle({
  url: new URL("../openapi.json", import.meta.url).href,
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null, // else it would send the description to a server of Swagger's
  syntaxHighlight: { activated: true, theme: "agate" },
});
