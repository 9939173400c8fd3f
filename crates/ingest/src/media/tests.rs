//! The media of ingest, driven as an encoder would and listened to as a viewer would.

mod audio;
mod clip;
mod fixture;
mod follow;
mod h264;
mod limits;
mod listener;
mod scene;
mod stream;
mod times;
mod video;
