// Relative, so that it works behind a proxy's prefix. No validator: that would ask a host outside.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
});
