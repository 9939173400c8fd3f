"""OBS Studio under Xvfb, started with a profile and a scene that are written for it, streaming at once."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from downstage import until
from ffmpeg import Program
from rtmp import FFMPEG_5

OBS, XVFB = shutil.which("obs"), shutil.which("Xvfb")
SCREEN = "1080x740"

GLOBAL = """[General]
FirstRun=true
EnableAutoUpdates=false
InfoIncrement=-1

[Basic]
Profile=Test
ProfileDir=Test
SceneCollection=Test
SceneCollectionFile=Test
"""
# As the settings dialogue makes it, with what encoders for live viewers are told: no B-frames, a key frame each two seconds.
PROFILE = """[General]
Name=Test

[Output]
Mode=Simple

[SimpleOutput]
StreamEncoder=x264
VBitrate=1000
ABitrate=128
UseAdvanced=true
Preset={preset}
x264Settings={x264}

[Video]
BaseCX=640
BaseCY=360
OutputCX=640
OutputCY=360
FPSCommon=30

[Audio]
SampleRate=48000
ChannelSetup=Stereo
"""


class Obs(Program):
    """OBS that streams a file over and over to a server with a key, as its custom service has them. `certificates` is a folder of what it
    trusts, in place of the machine's own."""

    def __init__(self, folder: Path, server: str, key: str, film: Path, *, certificates: Path | None = None, preset="ultrafast",
                 x264="bframes=0 keyint=60"):
        folder.mkdir()
        profile = folder / "obs-studio/basic/profiles/Test"
        scenes = folder / "obs-studio/basic/scenes"
        for each in (profile, scenes):
            each.mkdir(parents=True)
        (folder / "obs-studio/global.ini").write_text(GLOBAL)
        (profile / "basic.ini").write_text(PROFILE.format(preset=preset, x264=x264))
        service = {"type": "rtmp_custom", "settings": {"server": server, "key": key, "use_auth": False}}
        (profile / "service.json").write_text(json.dumps(service))
        (scenes / "Test.json").write_text(json.dumps(scene(film)))
        self.screen, self.display = screen()
        self.logs = folder / "obs-studio/logs"
        environment = {
            **os.environ, "XDG_CONFIG_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "DISPLAY": self.display,
            "LIBGL_ALWAYS_SOFTWARE": "1", "QT_QPA_PLATFORM": "xcb",
        }
        command = [OBS, "--startstreaming", "--profile", "Test", "--collection", "Test", "--disable-updater", "--multi"]
        if certificates:
            mounted = f'mount --bind "{certificates}" /etc/ssl/certs && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", mounted, "sh", *command]
        super().__init__(command, environment=environment)

    def said(self) -> str:
        """Its log."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.logs.glob("*.txt")))

    def screenshot(self, path: Path) -> None:
        grab = ["-f", "x11grab", "-video_size", SCREEN, "-i", self.display, "-frames:v", "1", "-y", str(path)]
        subprocess.run([FFMPEG_5, "-hide_banner", "-loglevel", "error", *grab], check=True, timeout=20)

    def end(self) -> None:
        super().end()
        self.screen.kill()
        self.screen.wait(5)


def screen() -> tuple[subprocess.Popen, str]:
    """A screen that nobody sees, and its name."""
    ready, write = os.pipe()
    process = subprocess.Popen(
        [XVFB, "-displayfd", str(write), "-screen", "0", f"{SCREEN}x24", "-nolisten", "tcp"], pass_fds=[write],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(ready) as number:
        return process, f":{number.readline().strip()}"


def scene(film: Path) -> dict:
    """One scene with the film in it, picture and sound."""
    source = {
        "id": "ffmpeg_source", "versioned_id": "ffmpeg_source", "name": "Film", "enabled": True, "mixers": 255, "volume": 1.0,
        "settings": {"local_file": str(film), "is_local_file": True, "looping": True},
    }
    item = {"name": "Film", "id": 1, "visible": True, "pos": {"x": 0.0, "y": 0.0}, "scale": {"x": 1.0, "y": 1.0}, "align": 5}
    stage = {"id": "scene", "versioned_id": "scene", "name": "Scene", "enabled": True, "settings": {"id_counter": 1, "items": [item]}}
    return {"name": "Test", "current_scene": "Scene", "current_program_scene": "Scene", "scene_order": [{"name": "Scene"}],
            "sources": [source, stage]}
