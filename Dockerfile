# One image for the app and the sidecar: the sidecar runs it with `python scheduler.py`.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN useradd --system --uid 10001 --create-home --home-dir /home/clinic clinic \
    && install -d -o clinic -g clinic -m 700 /data
WORKDIR /app

COPY requirements.txt .
RUN pip install -r requirements.txt

COPY .streamlit .streamlit
COPY clinic_core clinic_core
COPY pages pages
COPY ui ui
COPY web web
COPY app.py scheduler.py ./

USER clinic
EXPOSE 8501
# The body is checked: an address that is not there is answered with 200 and a page, too.
HEALTHCHECK --interval=15s --timeout=5s --start-period=40s --retries=3 CMD ["python", "-c", "import json, os, sys, urllib.request as u; sys.exit(json.load(u.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8501') + '/api/health', timeout=4)).get('status') != 'ok')"]
CMD ["python", "-m", "clinic_core", "web"]
