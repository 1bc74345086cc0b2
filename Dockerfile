# syntax=docker/dockerfile:1
FROM python:3.13-slim AS build
# A virtual environment that is copied whole; pip and its caches stay behind in this stage.
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
# Only what names the libraries, so that a change of code does not install them again. The service itself runs from
# /app, where its sql/ lies beside the package; of the package only the name and version are installed.
COPY pyproject.toml setup.cfg ./
RUN touch README.md && pip install . && pip uninstall --yes pip

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin bookings && \
    install --directory --owner=10001 /var/lib/bookings/reports
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENV APP_ENV=production WEB_BIND=0.0.0.0:8000 SOCKETS_BIND=0.0.0.0:8001
ENV REPORT_DIR=/var/lib/bookings/reports
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY wsgi.py ./
COPY bookings bookings
COPY sql sql
COPY scripts scripts
COPY deploy/gunicorn deploy/gunicorn
USER 10001
EXPOSE 8000 8001
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["gunicorn", "-c", "deploy/gunicorn/web.py", "wsgi:app"]
