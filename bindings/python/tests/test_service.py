"""The example service, asked over HTTP by httpx."""
import asyncio
import base64
import importlib.util
import threading
import time
from pathlib import Path

import pytest

httpx = pytest.importorskip("httpx")
uvicorn = pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")


@pytest.fixture(scope="module")
def service():
    spec = importlib.util.spec_from_file_location("service", Path(__file__).parents[1] / "examples" / "service.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.BATCH_WINDOW_S = 0.5  # so that what is sent together comes together on a busy machine
    server = uvicorn.Server(uvicorn.Config(module.app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield module, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(60)
    assert not thread.is_alive()


def test_requests_share_batches(service, synthesizer, recording):
    module, url = service
    bodies = [{"text": f"Request number {i}.", "emotion": ["happy", "sad", None][i % 3]} for i in range(20)]
    bodies[3]["reference_audio"] = base64.b64encode(recording).decode()
    bodies[7]["emotion"] = "hapy"

    async def ask_all():
        async with httpx.AsyncClient(timeout=120) as client:
            return await asyncio.gather(*[client.post(f"{url}/tts", json=body) for body in bodies])

    answers = asyncio.run(ask_all())
    for i, (body, answer) in enumerate(zip(bodies, answers)):
        if i == 7:
            assert answer.status_code == 400 and "did you mean" in answer.json()["detail"]
            continue
        assert answer.status_code == 200 and answer.headers["content-type"] == "audio/wav"
        wave = synthesizer.tts(body["text"], body["emotion"], recording if i == 3 else None)
        assert answer.content == synthesizer.encode(wave, "wav")
    assert sum(module.batches) == 20 and len(module.batches) < 20 and max(module.batches) <= module.BATCH_MAX


def test_bad_requests(service):
    _, url = service
    assert httpx.get(f"{url}/health").json() == {"status": "ok", "waiting": 0}
    assert httpx.post(f"{url}/tts", json={"text": ""}).status_code == 422
    assert httpx.post(f"{url}/tts", json={"text": "Hello.", "speed": 99}, timeout=60).status_code == 400
    assert "base64" in httpx.post(f"{url}/tts", json={"text": "Hello.", "reference_audio": "?"}).json()["detail"]
