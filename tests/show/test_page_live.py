"""The page in a headless Chromium, as a reader uses it. Needs chromium, chromedriver, selenium."""

import json
import shutil
from collections.abc import Callable

import pytest
from conftest import installed

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed"),
    pytest.mark.skipif(not DRIVER, reason="chromedriver is not installed"),
    pytest.mark.skipif(not installed("selenium"), reason="selenium is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]
SIZES = {"desk": (1280, 900), "phone": (360, 780)}
KEYS = {"right": "\ue014", "left": "\ue012", "up": "\ue013", "down": "\ue015", "home": "\ue011",
        "end": "\ue010", "tab": "\ue004"}  # fmt: skip


class Reader:
    """A browser with the page open."""

    def __init__(self, driver) -> None:
        self.driver = driver

    def find(self, selector: str):
        return self.driver.find_element("css selector", selector)

    def text(self, name: str) -> str:
        return self.find(f"#{name}").text

    def press(self, *keys: str) -> None:
        for key in keys:
            self.find("body").send_keys(KEYS.get(key, key))

    def click(self, selector: str) -> None:
        target = self.find(selector)
        self.run("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", target)
        target.click()

    def unfold(self) -> None:
        """Open the rows of all operations."""
        self.run(
            "for (const row of document.querySelectorAll('details')) row.open = true;"
            "return new Promise((done) => setTimeout(done, 30))"
        )

    def hover(self, selector: str, row: int, column: int, rows: int, columns: int) -> None:
        from selenium.webdriver import ActionChains

        self.unfold()
        target = self.find(selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", target)
        x = (column + 0.5 - columns / 2) * target.size["width"] / columns
        y = (row + 0.5 - rows / 2) * target.size["height"] / rows
        ActionChains(self.driver).move_to_element_with_offset(target, int(x), int(y)).perform()

    def run(self, script: str, *arguments: object):
        return self.driver.execute_script(script, *arguments)

    def requests(self) -> list[str]:
        """Every address that the page asked for."""
        sent = [json.loads(row["message"])["message"] for row in self.driver.get_log("performance")]
        return [
            row["params"]["request"]["url"]
            for row in sent
            if row["method"] == "Network.requestWillBeSent"
        ]


@pytest.fixture(scope="module")
def driver():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def read(driver, rnnshape, tmp_path) -> Callable[..., Reader]:
    """Open the page of a network; after the test nothing may have been wrong with it."""
    opened = []

    def call(*options: str, size: str = "desk", dark: bool = False) -> Reader:
        assert rnnshape("trace", *options, "--html", "page.html").status == 0
        width, height = SIZES[size]
        metrics = {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": size == "phone",
        }
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        driver.get_log("browser"), driver.get_log("performance")
        driver.get((tmp_path / "page.html").as_uri())
        driver.implicitly_wait(10)
        driver.find_element("css selector", "html[data-ready]")
        driver.implicitly_wait(0)
        opened.append(Reader(driver))
        return opened[-1]

    yield call
    for reader in opened:
        assert reader.driver.get_log("browser") == [], "the console is silent"
        asked = [url for url in reader.requests() if not url.startswith("data:")]
        assert len(set(asked)) <= 1 and all(url.startswith("file:") for url in asked), "no request"


both_sizes = pytest.mark.parametrize("size", SIZES)


@both_sizes
def test_nothing_is_wider_than_the_window(read, size):
    page = read("--layers", "3", "--values", size=size)
    for _ in range(15):
        page.press("n")
        wide, window = page.run("return [document.documentElement.scrollWidth, innerWidth]")
        assert wide <= window


@both_sizes
def test_the_arrow_keys_walk_in_the_true_order(read, size):
    page = read("--layers", "3", size=size)
    assert page.text("place") == "step 1 of 15: layer 0 forward, t=0"
    page.press(*["right"] * 5)
    assert page.text("place") == "step 6 of 15: layer 1 forward, t=0"
    page.press("left")
    assert page.text("place") == "step 5 of 15: layer 0 forward, t=4"
    page.press("up")
    assert page.text("step-title") == "layer 1 forward, t=4"
    page.press("home", "end")
    assert page.text("place") == "step 15 of 15: layer 2 forward, t=4"


@both_sizes
def test_the_slider_and_the_buttons_walk_too(read, size):
    page = read(size=size)
    page.click("#forward")
    assert page.text("step-title") == "layer 0 forward, t=1"
    page.click("#slider")  # in its middle
    assert page.text("step-title") == "layer 0 forward, t=2"
    page.find("#slider").send_keys(KEYS["right"])
    assert page.text("step-title") == "layer 0 forward, t=3"
    page.click("#last")
    assert not page.find("#forward").is_enabled()


def test_play_walks_by_itself_to_the_end(read):
    page = read("--seq-len", "3")
    page.press(" ")
    assert page.text("play") == "pause"
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(page.driver, 10).until(lambda _: page.text("play") == "play")
    assert page.text("step-title") == "layer 0 forward, t=2"


@both_sizes
def test_a_click_on_a_cell_goes_there(read, size):
    page = read("--layers", "3", size=size)
    page.click("#cell2_forward_3 text")
    assert page.text("place") == "step 14 of 15: layer 2 forward, t=3"
    assert "now" in page.find("#cell2_forward_3").get_attribute("class")
    assert "done" in page.find("#cell2_forward_2").get_attribute("class")
    assert "done" not in page.find("#cell2_forward_4").get_attribute("class")


def test_the_operations_of_a_step_are_those_of_the_trace(read, rnnshape):
    page = read("--cell", "lstm", "--layers", "2")
    page.press("end")
    step = rnnshape("trace", "--cell", "lstm", "--layers", "2", "--json").json["steps"][-1]
    shown = [row.text for row in page.driver.find_elements("css selector", "#operations .shapes")]
    assert shown == [op["expression"] for op in step["ops"]]
    names = [row.text for row in page.driver.find_elements("css selector", "#operations .names")]
    assert [name.split(" = ")[0] for name in names] == [op["output"]["name"] for op in step["ops"]]


def test_the_story_tells_where_everything_comes_from_and_goes(read):
    page = read("--layers", "3")
    page.press("right")
    assert page.text("story") == (
        "This cell reads input[1], and the state that t=0 left. It leaves h_1 of 7×20: "
        "to the right, to t=2; and up, to layer 1."
    )
    page.press("end")
    assert "where it is the final state, hn[2]; and up, to output[4]" in page.text("story")


@both_sizes
def test_the_toggles_show_both_readings(read, size):
    page = read("--layers", "2", size=size)
    page.press("right", "right")
    page.click("#batch-first")
    assert page.text("code") == "nn.RNN(10, 20, num_layers=2, batch_first=True)"
    assert page.find("#batch-first").get_attribute("aria-pressed") == "true"
    assert page.text("step-title") == "layer 0 forward, t=2", "the place is kept"
    assert "input[:, 2]" in page.text("picture")
    page.press("d")
    assert "bidirectional=True" in page.text("code")
    assert page.text("picture").count("concat 7×40") == 10
    page.press("b", "d")
    assert page.text("code") == "nn.RNN(10, 20, num_layers=2)"


@both_sizes
def test_the_tour_goes_from_one_cell_to_what_is_saved(read, size):
    page = read(size=size)
    page.click("#tour-open")
    titles = []
    for number in range(15):
        assert page.text("tour-count") == f"Stop {number + 1} of 15"
        titles.append(page.text("tour-title"))
        if number < 14:
            page.click("#tour-next")
    assert titles[0] == "One cell" and titles[-1] == "What is saved"
    page.click("#tour-close")
    assert page.text("code") == "nn.RNN(10, 20)"


def test_hovering_a_number_shows_where_it_comes_from(read, rnnshape):
    options = ["--layers", "2", "--values"]
    page = read(*options)
    page.press("right")
    page.hover("#operations li:nth-child(1) .map:last-child canvas", 4, 11, 7, 20)
    op = rnnshape("trace", *options, "--json").json["steps"][1]["ops"][0]
    value = f"{op['output']['value'][4][11]:.4f}".replace("-", "−")
    assert page.text("readout").startswith(
        f"ih_1[4, 11] = Σₖ x_1[4, k]·weight_ih_l0[11, k] + bias_ih_l0[11] = {value}\n"
        "row 4 of x_1 meets row 11 of weight_ih_l0 (column 11 of its transpose)"
    )
    marks = page.driver.find_elements(
        "css selector", "#operations li:nth-child(1) .mark:not([hidden])"
    )
    assert len(marks) == 4


@pytest.mark.parametrize(
    ("options", "number", "said"),
    [
        ([], 1, "10 is I, the features of the input (input_size)"),
        (["--cell", "lstm"], 3, "80 is 4·H: one part for each gate"),
        (
            ["--seq-len", "1", "--bidirectional", "--layers", "2"],
            1,
            "10 is I, the features of the input (input_size)",
        ),
    ],
)
def test_hovering_a_size_shows_what_it_stands_for(read, options, number, said):
    from selenium.webdriver import ActionChains

    page = read(*options)
    sizes = page.driver.find_elements("css selector", "#operations li:first-child .size")
    page.run("arguments[0].scrollIntoView({block: 'center'})", sizes[number])
    ActionChains(page.driver).move_to_element(sizes[number]).perform()
    assert page.text("readout") == said


def test_hovering_an_operand_shows_what_left_it(read):
    page = read("--hidden-size", "4", "--layers", "2", "--values")
    page.press("up", "right")
    page.hover("#operations li:nth-child(1) .map:first-child canvas", 0, 0, 7, 4)
    assert page.text("readout").endswith("x_1 is h_1 of layer 0")
    page.hover("#operations li:nth-child(2) .map:first-child canvas", 0, 0, 7, 4)
    assert page.text("readout").endswith("h_0 is what step t=0 has left")
    page.hover("#operations li:nth-child(2) .map:nth-child(2) canvas", 0, 0, 4, 4)
    assert "weight_hh_l1 is learned, and the same at every step of layer 1" in page.text("readout")


@pytest.mark.parametrize(
    ("options", "steps", "item", "said"),
    [
        (["--cell", "lstm"], 0, 5, "part 1 of 4"),
        (["--lengths", "3,1"], 1, 1, "the rows that are at work"),
        (["--lengths", "3,1", "--bidirectional"], 5, 2, "h0[1][1:2][0, 0]"),
        (["--output-size", "3", "--output-activation", "softmax"], 5, 2, "by the sum of exp"),
    ],
    ids=["split", "narrow", "concat", "softmax"],
)
def test_every_kind_of_operation_has_its_words(read, options, steps, item, said):
    page = read("--hidden-size", "4", *options, "--values")
    page.press(*["right"] * steps)
    page.unfold()
    canvases = f"#operations li:nth-child({item}) .map:last-child canvas"
    rows, columns = page.run(
        "const c = document.querySelector(arguments[0]), s = c.parentNode.parentNode"
        ".querySelector('figcaption').textContent.split(' ').at(-1).split('×'); return s.map(Number)",
        canvases,
    )
    page.hover(canvases, rows - 1, 0, rows, columns)
    assert said in page.text("readout")


def test_a_heat_map_is_read_with_the_keys(read):
    page = read("--values")
    page.unfold()
    canvas = page.find("#operations .map:last-child canvas")
    canvas.send_keys(KEYS["down"], KEYS["down"], KEYS["right"])
    assert page.text("readout").startswith("ih_0[1, 1] = ")
    assert page.text("step-title") == "layer 0 forward, t=0", "the walk stands still meanwhile"
    assert "from" in canvas.get_attribute("aria-label")


def test_the_keyboard_alone_is_enough_and_the_focus_is_seen(read):
    page = read("--cell", "lstm")
    reached = set()
    for _ in range(10):
        page.driver.switch_to.active_element.send_keys(KEYS["tab"])
        active = page.driver.switch_to.active_element
        reached.add(active.get_attribute("id"))
        assert page.run("return getComputedStyle(arguments[0]).outlineStyle", active) != "none"
    assert {"batch-first", "directions", "tour-open", "play", "slider", "picture"} <= reached
    assert "tables" in page.run(
        "return [...arguments].map((e) => e.closest('section')?.id)", active
    )


def test_the_rows_of_the_operations_are_one_stop_and_the_arrows_go_from_row_to_row(read):
    page = read("--cell", "lstm")
    page.run("document.querySelector('#operations summary').focus()")
    for _ in range(3):
        page.driver.switch_to.active_element.send_keys(KEYS["down"])
    active = page.driver.switch_to.active_element
    active.send_keys("\ue007")
    assert page.text("step-title") == "layer 0 forward, t=0"
    assert page.find("#operations li:nth-child(4) details").get_attribute("open")


def test_every_control_has_a_name(read):
    page = read("--values")
    page.press("g")
    tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = [
        node
        for node in tree
        if not node["ignored"]
        and node["role"]["value"] in ("button", "slider", "img", "image", "figure")
    ]
    assert len(controls) > 10
    named = [node for node in controls if node["role"]["value"] != "figure"]
    assert all(node["name"]["value"] for node in named)


@pytest.mark.parametrize(
    ("dark", "paper"), [(False, "rgba(255, 255, 255, 1)"), (True, "rgba(15, 23, 42, 1)")]
)
def test_the_paper_is_as_light_as_the_reader_wants(read, dark, paper):
    page = read(dark=dark)
    assert page.find("body").value_of_css_property("background-color") == paper


def test_a_page_is_printed_without_its_controls(read):
    page = read("--layers", "3", dark=True)
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not page.find("#controls").is_displayed()
    assert page.find("body").value_of_css_property("background-color") == "rgba(255, 255, 255, 1)"
    wide = page.run("return document.querySelector('#picture svg').getBoundingClientRect().width")
    assert wide <= 1280
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_a_key_changes_few_nodes_however_many_there_are(read):
    page = read("--layers", "4", "--bidirectional", "--seq-len", "64")
    assert page.text("place").startswith("step 1 of 512")
    changed = page.run(
        """
        const seen = new MutationObserver(() => {}), changed = [];
        seen.observe(document.body,
          {subtree: true, childList: true, attributes: true, characterData: true});
        for (let i = 0; i < 200; i++) {
          document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
          changed.push(seen.takeRecords().length);
        }
        return changed.sort((a, b) => a - b);
        """
    )
    assert page.text("place").startswith("step 201 of 512")
    assert changed[0] > 0 and changed[-1] < 60


def test_the_gradient_stands_in_the_cells_until_it_is_switched_off(read):
    page = read("--layers", "2", "--values", "--backward")
    cells = "return [...document.querySelectorAll('.cell text')].map((node) => node.textContent)"
    plain = page.run(cells)
    assert set(plain) == {"7×20"} and not page.find("#flow-note").is_displayed()
    page.press("f", "right")
    norms = [float(words) for words in page.run(cells)]
    assert len(norms) == len(plain) and min(norms) > 0
    assert page.text("flow-note").startswith("‖dh‖ in each cell") and "G of" in page.text(
        "flow-note"
    )
    strength = (
        "return [...document.querySelectorAll('.cell rect')].map((r) => +r.style.fillOpacity)"
    )
    shades = page.run(strength)
    assert shades.index(max(shades)) == norms.index(max(norms))
    page.press("b")
    assert [float(words) for words in page.run(cells)] == norms, "batch_first changes no number"
    page.press("d")
    assert set(page.run(cells)) == {"7×20"} and not page.find("#flow").is_enabled()
    page.press("d", "b", "f")
    assert page.run(cells) == plain and set(page.run(strength)) == {0}


def test_without_a_backward_there_is_no_such_switch(read):
    assert not read("--values").find("#flow").is_displayed()


def test_from_1100_pixels_on_the_picture_stands_whole_beside_what_is_said(read):
    page = read("--layers", "3", "--bidirectional")
    place = "const box = document.querySelector(arguments[0]).getBoundingClientRect(); \
        return [box.left, box.top, box.right, box.bottom]"
    left, top, right, bottom = page.run(place, "#picture svg")
    assert page.run(place, "#step")[0] >= right and left >= 0
    assert 0 <= top < bottom <= 900
    page.run("window.scrollTo(0, 600)")
    assert 0 <= page.run(place, "#picture svg")[1] < 300


def test_the_inside_of_the_cell_follows_the_step(read):
    page = read("--cell", "lstm", "--values")
    page.press("right", "right")
    page.run("return new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")
    said = page.find("#inside").text
    assert "forget gate f, σ" in said and "c_1" in said and "c_2" in said and "h_1" in said
    assert said.count("mean ") == 4


def test_an_operation_is_a_row_that_opens_and_the_address_keeps_it(read):
    page = read("--cell", "gru", "--layers", "2", "--values")
    assert not page.driver.find_elements("css selector", "#operations canvas")
    page.press("up", "right")
    page.click("#operations li:nth-child(1) summary")
    page.run("return new Promise((done) => setTimeout(done, 30))")
    assert page.find("#operations canvas").is_displayed()
    for _ in range(20):
        if "op=ih" in page.run("return location.hash"):
            break
        page.run("return new Promise((done) => setTimeout(done, 50))")
    assert page.run("return location.hash") == "#layer=1&t=1&op=ih"
    page.driver.refresh()
    page.driver.implicitly_wait(10)
    page.find("html[data-ready]")
    page.driver.implicitly_wait(0)
    assert page.text("step-title") == "layer 1 forward, t=1"
    assert page.find("#operations canvas").is_displayed()


def test_a_matrix_is_drawn_once_and_a_weight_as_it_is_used(read):
    page = read("--values")
    page.unfold()
    captions = [node.text for node in page.driver.find_elements("css selector", "figcaption")]
    assert len(captions) == len(set(captions))
    assert "weight_ih_l0ᵀ 10×20" in captions
    legends = [node.text for node in page.driver.find_elements("css selector", ".legend")]
    assert "all zeros" in " ".join(legends) and legends[0].startswith("batch ↓ features →")


def test_a_cell_module_is_a_page_of_one_step(read):
    page = read("--cell", "lstm-cell", "--values")
    assert page.text("place") == "step 1 of 1: its one step"
    assert page.text("story") == (
        "The cell reads input and the state h0 and c0, and returns h of 7×20 and c of 7×20."
    )
    said = page.find("#inside").text
    assert "forget gate f, σ" in said and said.count("mean ") == 4
    assert not page.find("#batch-first").is_displayed()
    page.press("b", "d", "right")
    assert page.text("code") == "nn.LSTMCell(10, 20)"


SHOWN = """
const words = [...document.querySelectorAll("#picture text")].map((node) => node.textContent);
const rows = [...document.querySelectorAll("#tables tr, #notes li")].map((row) => row.textContent);
const steps = [];
for (let i = 0; i <= +document.getElementById("slider").max; i++) {
  const slider = document.getElementById("slider");
  slider.value = i;
  slider.dispatchEvent(new Event("input"));
  steps.push(["place", "story", "operations"].map((id) => document.getElementById(id).textContent));
}
return [words.sort(), rows, steps];
"""


def put(page, **sizes) -> None:
    """Type into the fields."""
    page.run(
        """
        const form = document.getElementById("typed");
        if (form.hidden) document.getElementById("sizes-open").click();
        for (const [name, value] of Object.entries(arguments[0])) form.elements[name].value = value;
        form.requestSubmit();
        """,
        sizes,
    )


@pytest.mark.parametrize(
    ("sizes", "more"),
    [({"cell": "lstm", "L": 3, "I": 12, "H": 512, "N": 64, "T": 7}, []),
     ({"cell": "gru", "L": 1, "I": 3, "H": 4, "N": 2, "T": 1}, []),
     ({"cell": "rnn", "L": 4, "I": 5, "H": 6, "N": 7, "T": 3}, ["--bidirectional"]),
     ({"cell": "lstm", "L": 1, "I": 5, "H": 6, "N": 7, "T": 2},
      ["--bidirectional", "--batch-first"])],
    ids=str,
)  # fmt: skip
def test_what_is_typed_is_what_the_trace_of_it_shows(read, sizes, more):
    page = read("--layers", "2", *more)
    put(page, **sizes)
    typed = page.run(SHOWN)
    options = {"cell": "cell", "L": "layers", "I": "input-size", "H": "hidden-size",
               "N": "batch-size", "T": "seq-len"}  # fmt: skip
    page = read(*(str(o) for name, n in sizes.items() for o in (f"--{options[name]}", n)), *more)
    wanted = page.run(SHOWN)
    # a network of one layer is written with its num_layers where it is typed
    plain = json.loads(json.dumps(typed).replace(", num_layers=1", ""))
    assert plain == wanted


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(("h0", "red"), [("2,7,20", 0), ("1,7,20", 1), ("2,5,20", 2), ("7,20", 2)])
def test_an_h0_that_does_not_fit_is_red_with_torchs_sentence(read, cell, h0, red):
    torch = pytest.importorskip("torch")
    page = read("--cell", cell)
    put(page, L=2, h0=h0)
    state = torch.zeros([int(size) for size in h0.split(",")])
    hx = (state, torch.zeros(2, 7, 20)) if cell == "lstm" else state
    said = ""
    try:
        getattr(torch.nn, cell.upper())(10, 20, 2)(torch.zeros(5, 7, 10), hx)
    except RuntimeError as error:
        said = f"RuntimeError: {error}"
    assert page.text("typed-wrong") == said
    assert len(page.driver.find_elements("css selector", ".begin.bad")) == red


@pytest.mark.parametrize("moment", ["typed", "back"])
def test_the_address_keeps_what_is_typed_and_the_way_back(read, moment):
    page = read("--layers", "2", "--backward")
    if moment == "typed":
        put(page, cell="gru", L=3, T=4)
        page.press("d", "up", "right")
    else:
        page.press("r", "right")
    code, title = page.text("code"), page.text("step-title")
    page.run("return new Promise((done) => setTimeout(done, 300))")
    page.driver.refresh()
    page.driver.implicitly_wait(10)
    page.find("html[data-ready]")
    page.driver.implicitly_wait(0)
    assert page.text("code") == code
    assert page.text("step-title") == title != "layer 0 forward, t=0"


def test_a_size_that_no_page_draws_is_refused(read):
    page = read()
    put(page, T=65)
    assert page.text("typed-wrong").startswith("T: a whole number from 1 to 64")
    assert page.text("code") == "nn.RNN(10, 20)"


def test_the_backward_is_walked_in_reverse_with_its_numbers(read, rnnshape):
    options = ["--layers", "2", "--values", "--backward"]
    page = read(*options)
    page.press("r")
    assert page.text("place") == "step 1 of 10: backward of layer 1 forward, t=4"
    page.press("right")
    assert "dh_3(after) of 7×20 from t=4" in page.text("story")
    assert "dx_3 of 7×20 to the layer below" in page.text("story")
    page.hover("#operations li:nth-child(4) .map:last-child canvas", 2, 5, 20, 20)
    step = rnnshape("trace", *options, "--json").json["backward_steps"][1]
    value = next(op for op in step["ops"] if op["output"]["name"] == "dweight_hh_l1")
    said = f"{value['output']['value'][2][5]:.4f}".replace("-", "−")
    assert page.text("readout").startswith("dweight_hh_l1[2, 5] = Σₙ da_3[n, 2]·h_2[n, 5]")
    assert said in page.text("readout")
    page.press("r")
    assert page.text("place") == "step 9 of 10: layer 1 forward, t=3"


def test_all_steps_are_printed_where_that_is_asked(read):
    page = read("--layers", "3", "--values")
    page.run("window.print = () => {}")
    page.click("#print-all")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    titles = [node.text for node in page.driver.find_elements("css selector", "#all h2")]
    assert len(titles) == 15 and titles[7] == "layer 1 forward, t=2"
    assert not page.find("#step").is_displayed()
    width = page.run("return document.querySelector('#all canvas').getBoundingClientRect().width")
    assert width == pytest.approx(20 * 3 * 96 / 25.4, abs=1)  # cells of 3 mm
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    page.run("dispatchEvent(new Event('afterprint'))")
    assert not page.driver.find_elements("css selector", "#all h2")
