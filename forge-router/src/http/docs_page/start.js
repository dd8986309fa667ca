// Swagger UI over this server's own document, and nothing that is elsewhere.
SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: "openapi.json",
  validatorUrl: null, // a badge of another server
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: -1, // the shared schemas are shown where they are used
  defaultModelExpandDepth: 3,
});
