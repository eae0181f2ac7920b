import base64

from rexd.report.videos import MOST_BYTES, videos_in


def test_small_videos_are_a_part_of_the_page_and_large_ones_are_linked_to(tmp_path):
    run = tmp_path / "runs" / "my run"
    run.mkdir(parents=True)
    (run / "a.gif").write_bytes(b"GIF89a")
    (run / "b.mp4").write_bytes(b"film")
    with (run / "c #1.mp4").open("wb") as stream:
        stream.truncate(MOST_BYTES + 1)
    (run / "policy.zip").write_bytes(b"")
    gif, film, large = videos_in(run, tmp_path / "page.html")
    assert gif.moving_image
    assert base64.b64decode(gif.data.removeprefix("data:image/gif;base64,")) == b"GIF89a"
    assert film.data == "data:video/mp4;base64," + base64.b64encode(b"film").decode()
    assert (film.moving_image, film.link) == (False, "")
    assert (large.name, large.data, large.link) == ("c #1.mp4", "", "runs/my%20run/c%20%231.mp4")
    assert videos_in(run, run / "report.html")[2].link == "c%20%231.mp4"
