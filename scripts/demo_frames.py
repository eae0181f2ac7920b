"""Draw docs/figures/demo.png: frames of the clone and of the policy of ``rexd demo``, 15 seconds into an episode.

rexd demo && MUJOCO_GL=egl python scripts/demo_frames.py runs/demo
"""

from __future__ import annotations

import sys
from pathlib import Path

import gymnasium
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import rexd
from rexd.evaluation.rollouts import PolicyLike, episode_seed

FIRST, EVERY, COUNT = 300, 2, 6  # steps
SECONDS_OF_A_STEP = 0.05
WIDTH, HEIGHT = 200, 134  # pixels of a frame


def frames(policy: PolicyLike) -> tuple[list[np.ndarray], float]:
    """Play one episode; return some frames of it, and the mean speed until then in metres per second."""
    env = gymnasium.make("HalfCheetah-v5", render_mode="rgb_array", width=600, height=400, camera_name="track")
    observation, _ = env.reset(seed=episode_seed(0, 0))
    found, last = [], FIRST + COUNT * EVERY
    for step in range(last):
        if step >= FIRST and (step - FIRST) % EVERY == 0:
            found.append(env.render())
        observation, _, _, _, info = env.step(policy.predict(observation, deterministic=True)[0])
    env.close()
    return found, info["x_position"] / (last * SECONDS_OF_A_STEP)


def main() -> None:
    """Play both policies of a run of the demo, and draw their frames in two rows."""
    run = Path(sys.argv[1])
    rows = {
        "behavioural cloning": frames(rexd.load_policy(run / "cloned_policy.safetensors")),
        "rexd": frames(rexd.load_policy(run)),
    }
    picture = Image.new("RGB", (WIDTH * COUNT, HEIGHT * len(rows)), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=16)
    for row, (name, (shown, speed)) in enumerate(rows.items()):
        for column, frame in enumerate(shown):
            picture.paste(Image.fromarray(frame).resize((WIDTH, HEIGHT)), (column * WIDTH, row * HEIGHT))
        text, top = f"{name}: {speed:.1f} m/s", row * HEIGHT
        draw.rectangle([4, top + 4, 14 + draw.textlength(text, font=font), top + 28], fill="white")
        draw.text((9, top + 6), text, fill="black", font=font)
    picture.quantize(128).save("docs/figures/demo.png", optimize=True)


if __name__ == "__main__":
    main()
