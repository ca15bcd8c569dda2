"""The page at / as a visitor uses it: a real browser, the real service, the default model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Locator, Page, Route, expect

from tests.support.browser_actions import (
    BAR_ON_TOP,
    ONE,
    SEVEN,
    Stroke,
    answered,
    draw,
    drawing,
    enlarged,
    expect_digit,
    hand_over,
    mnist,
    on_pad,
    png,
    tap,
)


def test_a_drawn_seven_is_read_as_a_seven(page: Page) -> None:
    draw(page, SEVEN)
    expect_digit(page, 7)


def test_an_answer_says_how_sure_it_is_and_who_gave_it(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#words")).to_have_text(re.compile("Almost certain|Very likely|Likely|Perhaps"))
    expect(page.locator("#detail")).to_have_text(re.compile(r"^\d+\.\d\d %$"))
    expect(page.locator("#facts")).to_have_text(
        re.compile(r"^model \S+, version \d+ · on the [CG]PU · \d+ ms there and back$")
    )


def test_a_digit_is_read_while_it_is_drawn(page: Page) -> None:
    (x, y), *rest = on_pad(page, SEVEN)
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in rest:
        page.mouse.move(x, y, steps=8)
    for _ in range(50):  # the hand is never quite still
        page.mouse.move(x + 1, y)
        page.mouse.move(x, y)
        page.wait_for_timeout(20)
        if page.locator("#digit").inner_text() == "7":
            break
    expect(page.locator("#digit")).to_have_text("7")
    page.mouse.up()


def test_what_decided_is_shown_in_blue_and_orange(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#decided-caption")).to_have_text("for and against 7")
    pixels = colours(page)
    assert (pixels[:, 2] - pixels[:, 0] > 60).sum() > 10  # blue
    assert (pixels == 255).all(axis=1).sum() > 500  # paper


def test_another_digit_is_explained_when_its_bar_is_chosen(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#decided-caption")).to_have_text("for and against 7")
    for_seven = colours(page)
    page.locator("#bars label").nth(1).click()
    expect(page.locator("#decided-caption")).to_have_text("for and against 1")
    assert (colours(page) != for_seven).any()
    expect(page.locator("#digit")).to_have_text("7")
    draw(page, BAR_ON_TOP)
    expect(page.locator("#decided-caption")).to_have_text(re.compile("against [^1]"))


def colours(page: Page) -> np.ndarray:
    """The explanation's pixels, (784, 3)."""
    data = page.locator("#decided").evaluate("e => [...e.getContext('2d').getImageData(0, 0, 28, 28).data]")
    return np.array(data).reshape(-1, 4)[:, :3]


def test_ten_bars_add_up_to_one_and_the_digits_own_is_marked(page: Page) -> None:
    draw(page, SEVEN)
    expect_digit(page, 7)
    expect(page.locator("#bars .best .label")).to_have_text("7")
    shares = [float(text.rstrip(" %")) for text in page.locator("#bars .value").all_text_contents()]
    assert len(shares) == 10
    assert sum(shares) == pytest.approx(100, abs=1)  # each is rounded down to a tenth


def test_the_image_the_model_saw_is_shown(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#seen")).to_have_attribute("aria-label", re.compile("saw a 7"))
    bright = "seen => seen.getContext('2d').getImageData(0, 0, 28, 28).data.filter((v, i) => i % 4 === 0 && v > 128)"
    assert 20 < page.locator("#seen").evaluate(f"seen => ({bright})(seen).length") < 300


def test_a_picture_the_model_does_not_accept_is_said_to_be_no_digit(page: Page) -> None:
    page.route("**/predict?*", without_acceptance)
    draw(page, SEVEN)
    expect(page.locator("#words")).to_have_text("Not a digit")
    expect(page.locator("#detail")).to_have_text(re.compile(r"^It is most like a 7: \d+\.\d\d %\.$"))
    expect(page.locator("#digit")).to_have_attribute("aria-hidden", "true")
    page.unroute_all(behavior="ignoreErrors")  # a request may be on its way when the page is closed


def without_acceptance(route: Route) -> None:
    """The service's own answer, but for `accepted`, since which scribble is refused depends on the model."""
    response = route.fetch()
    answer = response.json()
    answer["predictions"][0]["accepted"] = False
    route.fulfill(response=response, json=answer)


def test_clear_empties_the_paper_and_the_answer(page: Page) -> None:
    empty = drawing(page)
    draw(page, SEVEN)
    expect_digit(page, 7)
    page.get_by_role("button", name="Clear").click()
    assert drawing(page) == empty
    expect(page.locator("main")).to_have_attribute("data-state", "empty")
    expect(page.locator("#digit")).to_have_text("")
    expect(page.locator("#bars .value").first).to_have_text("")
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()


def test_an_answer_that_comes_after_clear_is_not_shown(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/predict?*", hold)
    with page.expect_request("**/predict?*"):
        draw(page, SEVEN)
    page.get_by_role("button", name="Clear").click()
    page.unroute("**/predict?*")
    with page.expect_response(answered):
        draw(page, ONE)
    expect_digit(page, 1)
    assert {route.request.failure for route in held} == {"net::ERR_ABORTED"}


def test_an_explanation_that_comes_late_does_not_bring_an_old_answer_back(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/explain?*", hold)
    with page.expect_request("**/explain?*"):
        draw(page, ONE)
    (x, y), *rest = on_pad(page, SEVEN)  # asked about while it is drawn, which the explanation knows nothing of
    page.mouse.move(x, y)
    page.mouse.down()
    with page.expect_response(answered):
        for x, y in rest:
            page.mouse.move(x, y, steps=20)
    held[0].continue_()
    page.mouse.up()
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    page.unroute("**/explain?*")
    page.wait_for_timeout(300)
    expect(page.locator("#digit")).not_to_have_text("1")


def test_undo_takes_back_the_last_stroke(page: Page) -> None:
    draw(page, ONE)
    expect_digit(page, 1)
    one = drawing(page)
    draw(page, BAR_ON_TOP)
    assert drawing(page) != one
    with page.expect_response(answered):
        page.get_by_role("button", name="Undo").click()
    assert drawing(page) == one
    expect_digit(page, 1)


def test_undo_works_by_key(page: Page) -> None:
    draw(page, ONE)
    expect_digit(page, 1)
    page.keyboard.press("Control+z")
    expect(page.locator("main")).to_have_attribute("data-state", "empty")


@pytest.mark.parametrize("index", [0, 3, 4])
def test_a_chosen_picture_is_read(page: Page, index: int) -> None:
    picture, label = mnist(index)
    page.locator("#file").set_input_files(FilePayload(name="digit.png", mimeType="image/png", buffer=picture))
    expect_digit(page, label)


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_dropped_or_pasted_picture_is_read(page: Page, event: str) -> None:
    picture, label = mnist(1)
    empty = drawing(page)
    hand_over(page, event, "digit.png", "image/png", picture)
    expect_digit(page, label)
    assert drawing(page) != empty


def test_a_stroke_on_a_picture_starts_a_new_sheet_and_undo_brings_the_picture_back(page: Page) -> None:
    picture, label = mnist(1)
    hand_over(page, "drop", "digit.png", "image/png", picture)
    expect_digit(page, label)
    draw(page, SEVEN)
    expect_digit(page, 7)
    page.get_by_role("button", name="Undo").click()
    expect_digit(page, label)


def test_a_text_file_is_answered_with_the_words_of_the_problem(page: Page) -> None:
    with page.expect_response(answered) as response:
        hand_over(page, "drop", "notes.txt", "text/plain", b"a shopping list")
    problem = response.value.json()
    assert problem["status"] == 415
    expect(page.locator("#words")).to_have_text(problem["title"])
    expect(page.locator("#detail")).to_have_text(f"notes.txt: {problem['detail']}")
    expect(page.locator("#unshown")).to_have_text("notes.txt cannot be shown here.")
    draw(page, SEVEN)
    expect_digit(page, 7)


def test_a_service_out_of_reach_is_said_in_words_and_the_next_stroke_is_read(
    desktop: BrowserContext, page: Page
) -> None:
    desktop.set_offline(True)
    draw(page, ONE)
    expect(page.locator("#words")).to_have_text("The service cannot be reached")
    desktop.set_offline(False)
    draw(page, BAR_ON_TOP)
    expect(page.locator("main")).to_have_attribute("data-state", re.compile("read|unsure"))


def test_a_busy_service_is_asked_again_when_it_says(page: Page) -> None:
    busy = '{"title": "The service has more to do than it can", "status": 503, "detail": "Come back in 1 s."}'
    headers = {"Retry-After": "1", "Content-Type": "application/problem+json"}
    page.route("**/predict?*", lambda route: route.fulfill(status=503, body=busy, headers=headers))
    draw(page, SEVEN)
    expect(page.locator("#detail")).to_have_text("Come back in 1 s.")
    page.unroute("**/predict?*")
    expect_digit(page, 7)


def test_a_finger_draws_on_a_phone_and_does_not_scroll_the_page(phone: BrowserContext, service: str) -> None:
    page = phone.new_page()
    page.goto(service)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    finger = phone.new_cdp_session(page)
    points = on_pad(page, [SEVEN[0], *between(SEVEN)])
    for i, (x, y) in enumerate(points):
        kind = "touchMove" if i else "touchStart"
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect_digit(page, 7)
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollHeight > innerHeight")  # it could have scrolled


def between(stroke: Stroke) -> Stroke:
    """Ten points along each of the stroke's lines, without the first point."""
    return [
        (x0 + (x1 - x0) * i / 10, y0 + (y1 - y0) * i / 10)
        for (x0, y0), (x1, y1) in pairwise(stroke)
        for i in range(1, 11)
    ]


def test_a_tap_makes_a_dot(phone: BrowserContext, service: str) -> None:
    page = phone.new_page()
    page.goto(service)
    tap(page, 0.5, 0.5)
    centre = "pad => Array.from(pad.getContext('2d').getImageData(pad.width / 2, pad.height / 2, 1, 1).data)"
    assert page.locator("#pad").evaluate(centre) == [0, 0, 0, 255]


def test_the_keyboard_reaches_every_control(page: Page) -> None:
    draw(page, SEVEN)  # nothing to undo or clear until then
    expect(page.locator("#decided-caption")).to_have_text("for and against 7")
    page.locator("h1").click()
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(name_of(page.locator(":focus")))
        assert outlined(page.locator(":focus"))
    assert reached == [
        *("API", "Models", "Health", "中文", "mode one"),
        *("pad", "Undo", "Clear", "Picture", "Camera", "ondevice", "explained 7"),
    ]


def name_of(focused: Locator) -> str:
    text: str = focused.evaluate("e => e.type === 'radio' ? `${e.name} ${e.value}` : e.innerText || e.id")
    return text


def outlined(focused: Locator) -> bool:
    """Itself, or the visible part beside a control that has a shape of its own."""
    found: bool = focused.evaluate(
        """e => [e, ...e.parentElement.querySelectorAll('input ~ *')]
            .some((part) => getComputedStyle(part).outlineStyle === 'solid')"""
    )
    return found


def test_arrow_keys_draw(page: Page) -> None:
    page.locator("#pad").focus()
    page.keyboard.press("Space")
    for _ in range(14):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect_digit(page, 1)
    one = drawing(page)
    page.keyboard.press("ArrowRight")  # the pen is up
    assert drawing(page) == one


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_key_on_the_button_opens_the_choice_of_a_file(page: Page, key: str) -> None:
    file = page.locator("#file")
    # noted and stopped, since the dialog itself would stay open
    file.evaluate("file => file.addEventListener('click', (event) => { event.preventDefault(); file.title = 'open'; })")
    page.get_by_role("button", name="Choose a picture").focus()
    page.keyboard.press(key)
    expect(file).to_have_attribute("title", "open")


def test_a_screen_reader_is_told_the_answer(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.get_by_role("status").filter(has_text="%")).to_have_text(re.compile(r"^7, .* %$"))


def test_the_paper_is_white_and_the_ink_black_in_the_dark_too(page: Page) -> None:
    light = drawing(page)
    page.emulate_media(color_scheme="dark")
    assert drawing(page) == light
    draw(page, SEVEN)
    expect_digit(page, 7)
    ((x, y),) = [SEVEN[0]]
    pixel = f"pad => pad.getContext('2d').getImageData(pad.width * {x}, pad.height * {y}, 1, 1).data[0]"
    assert page.locator("#pad").evaluate(pixel) == 0


def test_nothing_moves_for_those_who_ask_for_less_motion(page: Page) -> None:
    moving = "document.getAnimations().length"
    page.emulate_media(reduced_motion="reduce")
    draw(page, SEVEN)
    expect_digit(page, 7)
    assert page.evaluate(moving) == 0


# --- several digits ---------------------------------------------------------------------------------------------------


def write_sevens(page: Page) -> None:
    page.get_by_text("Several").click()
    for left in (0.1, 0.3, 0.5):
        draw(page, [(left + x * 0.15, y) for x, y in SEVEN])
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")


def test_several_digits_are_read_and_framed(page: Page) -> None:
    write_sevens(page)
    expect(page.locator("#digit")).to_have_text("777")
    expect(page.locator("#words")).to_have_text(re.compile(r"^3 digits, the least certain \d+\.\d\d %$"))
    expect(page.locator(".box")).to_have_count(3)
    assert [box.get_attribute("data-digit") for box in page.locator(".box").all()] == ["7", "7", "7"]
    framed = page.locator(".box").nth(1).bounding_box()
    assert framed is not None
    ((left, top), (right, bottom)) = on_pad(page, [(0.3 + 0.30 * 0.15, 0.25), (0.3 + 0.69 * 0.15, 0.78)])
    edges = [framed["x"], framed["y"], framed["x"] + framed["width"], framed["y"] + framed["height"]]
    assert edges == pytest.approx([left, top, right, bottom], abs=10)  # half a stroke is 6 pixels wide


def test_frames_go_with_the_digits(page: Page) -> None:
    write_sevens(page)
    expect(page.locator(".box")).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".box")).to_have_count(2)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".box")).to_have_count(0)


def test_frames_stay_while_the_next_digit_is_drawn(page: Page) -> None:
    write_sevens(page)
    expect(page.locator(".box")).to_have_count(3)
    page.route("**/read?*", lambda _: None)
    (x, y), (to_x, to_y) = on_pad(page, [(0.8, 0.3), (0.8, 0.6)])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=5)
    assert page.locator(".box").count() == 3
    page.mouse.up()


def test_digits_in_a_picture_are_framed_where_they_are_shown(page: Page) -> None:
    page.get_by_text("Several").click()
    sheet = np.full((300, 300), 255, np.uint8)
    sheet[100:200, 40:140] = sheet[100:200, 180:280] = 255 - enlarged(0, 100)
    hand_over(page, "drop", "sheet.png", "image/png", png(sheet))
    expect(page.locator("#digit")).to_have_text("77")
    left, right = (box.bounding_box() for box in page.locator(".box").all())
    assert left is not None
    assert right is not None
    middle = page.locator("#pad").evaluate("e => e.getBoundingClientRect().left + e.clientWidth / 2")
    scale = page.locator("#pad").evaluate("e => e.clientHeight / 300")
    assert left["x"] + left["width"] / 2 == pytest.approx(middle - 60 * scale, abs=10)
    assert right["x"] + right["width"] / 2 == pytest.approx(middle + 80 * scale, abs=10)


def test_going_back_to_one_digit_starts_a_new_sheet(page: Page) -> None:
    empty = drawing(page)
    write_sevens(page)
    page.get_by_text("One digit").click()
    assert drawing(page) == empty
    draw(page, SEVEN)
    expect_digit(page, 7)


# --- camera -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def page_with_camera(desktop: BrowserContext, service: str) -> Page:
    desktop.grant_permissions(["camera"], origin=service)
    page = desktop.new_page()
    page.goto(service)
    return page


def test_a_picture_is_taken_with_the_camera(page_with_camera: Page) -> None:
    page = page_with_camera
    empty = drawing(page)
    page.locator("#snap").click()
    page.get_by_role("button", name="Take the picture").click()
    expect(page.locator("#paper")).to_have_class(re.compile("used"))
    expect(page.locator("#camera")).not_to_be_visible()
    assert drawing(page) != empty
    expect(page.locator("main")).not_to_have_attribute("data-state", "empty")


def test_no_picture_is_taken_when_the_camera_is_left(page_with_camera: Page) -> None:
    page = page_with_camera
    empty = drawing(page)
    page.locator("#snap").click()
    expect(page.locator("#camera")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#camera")).not_to_be_visible()
    assert drawing(page) == empty
    assert page.locator("video").evaluate("video => video.srcObject === null")  # and its light is off


def test_a_camera_that_is_not_allowed_is_said_in_words(desktop: BrowserContext, page: Page) -> None:
    desktop.clear_permissions()
    page.locator("#snap").click()
    expect(page.locator("#detail")).to_contain_text("The camera cannot be used")


# --- in Chinese -------------------------------------------------------------------------------------------------------


@pytest.fixture
def chinese(browser: Browser, service: str) -> Iterator[Page]:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(service)
    yield page
    context.close()


def test_the_page_speaks_chinese_to_those_who_read_it(chinese: Page) -> None:
    expect(chinese.locator("html")).to_have_attribute("lang", "zh-Hans")
    draw(chinese, SEVEN)
    expect_digit(chinese, 7)
    expect(chinese.locator("#words")).to_have_text(re.compile("几乎肯定|很有可能|有可能|不太确定"))
    expect(chinese.locator("#decided-caption")).to_have_text("支持与反对 7")
    shown = chinese.locator("body").inner_text()
    assert set(re.findall("[a-zA-Z]{3,}", shown)) <= {"digits", "English", "CPU", "GPU"}


def test_a_problem_is_told_in_chinese(chinese: Page) -> None:
    hand_over(chinese, "drop", "notes.txt", "text/plain", b"a shopping list")
    expect(chinese.locator("#words")).to_have_text("无法读取这张图片")


def test_the_language_can_be_changed_and_is_kept(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#decided-caption")).to_have_text("for and against 7")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("#decided-caption")).to_have_text("支持与反对 7")  # what is shown already, too
    page.reload()
    expect(page.locator("#words")).to_have_text("等待书写")


def test_both_languages_have_all_words(page: Page) -> None:
    words = page.evaluate("fetch('static/words.js').then((response) => response.text())")
    english, chinese = (set(re.findall(r"^    (\w+):", part, re.MULTILINE)) for part in words.split("  zh: {")[:2])
    assert english == chinese
