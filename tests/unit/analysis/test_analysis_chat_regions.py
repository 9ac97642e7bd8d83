"""A chat judge of regions before a real server that is shown pictures."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re

import pytest
from PIL import Image, ImageChops
from worlds import true_chains

from grit.analysis.chat_regions import ChatRegionJudge, read_picture
from grit.analysis.correlation import MarkedPicture, Puzzle, correlate, correlation_figures
from grit.config.judge import ChatJudgeConfig
from grit.errors import JudgeError, JudgeOutageError
from grit.geometry.box import Box
from grit.judges.chat import ChatJudge
from grit.judges.question import Reply
from judge_server import KEY, JudgeServer, fails, says

GREY, INSIDE = (120, 120, 120), (40, 30, 120, 90)


@pytest.fixture
def server():
    with JudgeServer(default=says("Image 0")) as running:
        yield running


@pytest.fixture
def judge_of(server, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    opened = []

    def build(**fields):
        fields = {
            "base_url": server.url, "model": "m", "max_retries": 0, "retry_wait": 0.01,
            "outage": "drop", "cache": tmp_path / "cache.sqlite", **fields,
        }  # fmt: skip
        opened.append(ChatJudge(ChatJudgeConfig(**fields)))
        return ChatRegionJudge(opened[-1])

    yield build
    for judge in opened:
        judge.close()


@pytest.fixture
def puzzle(tmp_path):
    path = tmp_path / "grey.png"
    Image.new("RGB", (400, 300), GREY).save(path)
    here, there = (Box(*INSIDE),), (Box(250, 200, 380, 280),)
    return Puzzle(
        "<think> the dog [box]", (MarkedPicture(path, here), MarkedPicture(path, there)), "k"
    )


def shown(request):
    """The pictures of a request, and the words beside them, in order."""
    (parts,) = [m["content"] for m in request.body["messages"] if not isinstance(m["content"], str)]
    pictures = []
    for part in parts:
        if part["type"] == "image_url":
            kind, _, data = part["image_url"]["url"].partition(";base64,")
            assert kind == "data:image/png"
            pictures.append(Image.open(io.BytesIO(base64.b64decode(data, validate=True))))
    return pictures, [part["text"] for part in parts if part["type"] == "text"]


def ink(picture):
    """Where a picture is no longer grey, as fractions of its sides."""
    x0, y0, x1, y1 = ImageChops.difference(picture, Image.new("RGB", picture.size, GREY)).getbbox()
    width, height = picture.size
    return x0 / width, y0 / height, x1 / width, y1 / height


def test_both_copies_are_sent_with_their_boxes_shrunk_to_the_limit(server, judge_of, puzzle):
    (choice,) = asyncio.run(judge_of(picture_pixels=30_000).choose([puzzle]))
    assert choice.picture == 0
    pictures, words = shown(server.requests[0])
    # The paper's prompt, typed off its page.
    assert words == [
        "Please decide which image has the bounding boxes that match the following description: "
        '<think> the dog [box]\nReply with exactly "Image 0" or "Image 1".'
    ]
    assert len(server.requests[0].body["messages"]) == 1
    assert "response_format" not in server.requests[0].body
    assert [picture.size for picture in pictures] == [(200, 150), (200, 150)]
    # The strokes are a few pixels wide, and the tag with the number stands at a corner.
    assert ink(pictures[0])[:2] == pytest.approx((40 / 400, 30 / 300), abs=0.12)
    assert ink(pictures[1])[2:] == pytest.approx((380 / 400, 280 / 300), abs=0.05)
    assert ink(pictures[0])[2] < 0.5 < ink(pictures[1])[0]


def test_a_model_that_sees_which_boxes_lie_on_things_is_always_right(judge_of, server, tmp_path):
    async def looks(request, writer):
        """Counts in each copy the boxes that a thing lies in: strokes cover little of a thing."""
        said = request.body["messages"][-1]["content"][-1]["text"]
        assert "[box]" in said
        assert not re.search(r"\d+, *\d+, *\d+", said), "coordinates are masked"
        wanted = boxes_by_text[said]
        pictures, _ = shown(request)
        inks = [stroked(picture, wanted) for picture in pictures]
        await says(json.dumps({"image": 0 if inks[0] > inks[1] else 1}))(request, writer)

    def stroked(picture, boxes):
        """How much of the boxes' edges is not what the plain picture has there."""
        plain = plains[boxes[0]].resize(picture.size)
        changed = ImageChops.difference(picture, plain).convert("L").point(lambda v: 255 * (v > 40))
        scale = picture.width / plains[boxes[0]].width
        total = 0
        for box in boxes:
            x0, y0, x1, y1 = (round(edge * scale) for edge in box)
            edge = changed.crop((x0 - 3, y0 - 3, x1 + 3, y1 + 3))
            total += sum(edge.histogram()[1:]) / (edge.width + edge.height)
        return total

    chains = true_chains(tmp_path, num_per_task=4)
    boxes_by_text, plains = {}, {}
    for chain in chains:
        corners = [box.as_tuple() for box in chain.boxes]
        boxes_by_text[chain.masked_text] = corners
        plains[corners[0]] = Image.open(chain.image).convert("RGB")
    chains = [c for c in chains if boxes_by_text[c.masked_text][0] == c.boxes[0].as_tuple()]
    server.default = looks
    judge = judge_of(prompt="strict")
    rows = [row for part in correlate(chains, judge, repeats=1) for row in part]
    assert len(rows) == 2 * len(chains) > 10
    assert {row.place for row in rows} == {0, 1}, "the own copy stands first and second"
    assert all(row.right for row in rows)
    assert {row.judge for row in rows} == {"chat:m"}
    asked_for = server.requests[0].body["response_format"]["json_schema"]["schema"]
    assert asked_for["properties"]["image"]["enum"] == [0, 1]
    asked = len(server.requests)
    again = [row for part in correlate(chains, judge, repeats=1) for row in part]
    assert again == rows
    assert len(server.requests) == asked, "all of it was in the cache"


def test_a_model_that_always_names_the_first_copy_comes_out_near_chance(server, judge_of, tmp_path):
    chains = true_chains(tmp_path, num_per_task=6)
    rows = [row for part in correlate(chains, judge_of(), repeats=2) for row in part]
    first = sum(row.place == 0 for row in rows) / len(rows)
    figures = correlation_figures([row.model_copy(update={"task": "t"}) for row in rows])
    assert sum(figure.mean for figure in figures) / 2 == pytest.approx(first)
    assert 0.25 < first < 0.75


def test_a_reply_that_names_no_copy_is_asked_for_again_once(server, judge_of, puzzle):
    server.script = [says("Hard to say."), says("Image 1.")]
    (choice,) = asyncio.run(judge_of().choose([puzzle]))
    assert choice.picture == 1
    assert len(shown(server.requests[1])[0]) == 2, "the pictures are shown again"
    server.requests.clear()
    server.default = says("Image 0 or image 1.")
    (choice,) = asyncio.run(judge_of(cache=None).choose([puzzle]))
    assert choice.picture is None
    assert "two replies" in choice.reason
    assert len(server.requests) == 2


@pytest.mark.parametrize(("status", "words"), [(500, "cannot be had"), (400, "does not answer")])
def test_what_the_server_does_not_answer_is_no_choice_and_no_guess(
    server, judge_of, puzzle, status, words
):
    server.default = fails(status)
    (choice,) = asyncio.run(judge_of().choose([puzzle]))
    assert choice.picture is None
    assert words in choice.reason


def test_a_wrong_key_and_the_policy_to_stop_end_everything(server, judge_of, puzzle):
    server.default = fails(500)
    with pytest.raises(JudgeOutageError):
        asyncio.run(judge_of(outage="stop").choose([puzzle]))
    server.default = fails(401)
    with pytest.raises(JudgeError, match="refuses the key"):
        asyncio.run(judge_of().choose([puzzle]))


@pytest.mark.parametrize(
    ("text", "picture"),
    [
        ("Image 0", 0),
        ("Image 1", 1),
        ('"image 1".', 1),
        ('{"image": 0}', 0),
        ('```json\n{"image": 1}\n```', 1),
        ("1", 1),
        ("<think>image 1? no</think> Image: **0**.", 0),
        ('{"image": 2}', None),
        ('{"image": true}', None),
        ('{"image": 0.5}', None),
        ("image 0.5", None),
        ("Image 12", None),
        ("Image 1, not image 0", None),
        ("neither", None),
        ("", None),
        ("[" * 100_000, None),
    ],
)
def test_a_copy_is_read_where_one_alone_is_named(text, picture):
    assert read_picture(Reply(text, "text", "stop", 1, 1)) == picture


def test_a_reply_that_was_cut_off_names_nothing():
    assert read_picture(Reply('{"image": 1', "schema", "length", 1, 1)) is None
