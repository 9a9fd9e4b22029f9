"""A service in the manner of the articles on EmotiVoice: FastAPI, one queue, and batches of what comes within a window.

    pip install fastapi uvicorn ./bindings/python
    uvicorn --app-dir bindings/python/examples service:app
    curl -s 127.0.0.1:8000/tts -H 'Content-Type: application/json' -d '{"text": "你好！", "emotion": "happy"}' -o out.wav

For one program that has all of it (streams, fair queues, limits, metrics), there is `emotivoice serve`.
"""
import asyncio
import base64
import binascii
from contextlib import asynccontextmanager
from typing import Optional

from fastapi import FastAPI, HTTPException
from fastapi.responses import Response
from pydantic import BaseModel, Field

from emotivoice import EmotiVoiceError, EmotiVoiceSynthesizer

BATCH_MAX = 16
BATCH_WINDOW_S = 0.1
QUEUE_MAX = 256

batches: "list[int]" = []  # how many requests each batch had, the last thousand


class TTSRequest(BaseModel):
    text: str = Field(min_length=1)
    emotion: Optional[str] = None
    reference_audio: Optional[str] = None  # base64 of a recording
    speed: float = 1.0
    pitch_scale: float = 1.0


async def next_batch(queue: asyncio.Queue) -> list:
    """The first request that comes, and what follows within the window."""
    batch = [await queue.get()]
    deadline = asyncio.get_running_loop().time() + BATCH_WINDOW_S
    while len(batch) < BATCH_MAX:
        left = deadline - asyncio.get_running_loop().time()
        try:
            batch.append(await asyncio.wait_for(queue.get(), left))
        except asyncio.TimeoutError:
            break
    return batch


async def work(synthesizer: EmotiVoiceSynthesizer, queue: asyncio.Queue) -> None:
    while True:
        batch = await next_batch(queue)
        batches[:] = batches[-999:] + [len(batch)]
        requests = [request for request, _ in batch]
        try:
            waves = await synthesizer.tts_batch_async(
                texts=[r.text for r, _ in requests], emotions=[r.emotion for r, _ in requests],
                reference_audios=[audio for _, audio in requests], speeds=[r.speed for r, _ in requests],
                pitch_scales=[r.pitch_scale for r, _ in requests], return_exceptions=True)
        except Exception as e:  # a batch that fails fails its requests, not the service
            waves = [e] * len(batch)
        for (_, answer), wave in zip(batch, waves):
            if not answer.done():  # else its client has left
                answer.set_result(wave)


@asynccontextmanager
async def lifespan(app: FastAPI):
    with EmotiVoiceSynthesizer(acoustic_model="fastspeech2_emotion", vocoder="hifigan",
                               batch_max=BATCH_MAX) as synthesizer:
        app.state.synthesizer, app.state.queue = synthesizer, asyncio.Queue(QUEUE_MAX)
        worker = asyncio.create_task(work(synthesizer, app.state.queue))
        yield
        worker.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/tts")
async def tts(request: TTSRequest) -> Response:
    try:
        audio = base64.b64decode(request.reference_audio, validate=True) if request.reference_audio else None
    except binascii.Error as e:
        raise HTTPException(400, f"reference_audio is no base64: {e}") from e
    answer = asyncio.get_running_loop().create_future()
    try:
        app.state.queue.put_nowait(((request, audio), answer))
    except asyncio.QueueFull:
        raise HTTPException(503, "too many requests wait", headers={"Retry-After": "1"}) from None
    wave = await answer
    if isinstance(wave, EmotiVoiceError):
        raise HTTPException(400, str(wave))
    if isinstance(wave, Exception):
        raise HTTPException(500, "the engine failed")
    return Response(app.state.synthesizer.encode(wave, "wav"), media_type="audio/wav")


@app.get("/health")
async def health() -> dict:
    return {"status": "ok", "waiting": app.state.queue.qsize()}
