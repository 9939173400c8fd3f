//! The commands of an encoder.

use crate::amf0::Value;
use crate::command::{self, Command};
use crate::link::WINDOW;
use crate::message::{Control, kind};
use crate::{Fault, Status, StatusCode, StreamName};

use super::connect::Connect;
use super::publish::{Held, Publishing};
use super::{Event, Publish, Session};

/// The chunk stream of answers.
const ANSWER_STREAM: u32 = 3;
/// The chunk stream of what is said about a stream.
pub(super) const STATUS_STREAM: u32 = 5;
/// Bytes of our chunks; few answers are as long.
const CHUNK_SIZE: u32 = 4_096;
/// Message streams that a connection creates.
const STREAMS_MAX: u32 = 16;

impl Session {
    pub(super) fn invoke(&mut self, stream: u32, body: &[u8]) -> Result<(), Fault> {
        let limits = self.link.limits().clone();
        let mut command = Command::read(body, &limits)?;
        if self.connect.is_none() {
            return match &*command.name {
                "connect" => self.connect(&mut command),
                "publish" => Err(early("publish")),
                "createStream" => Err(early("createStream")),
                "play" => Err(early("play")),
                _ => Err(early("another command")),
            };
        }
        match &*command.name {
            "connect" => Err(Fault::Order {
                command: "connect",
                why: "came a second time",
            }),
            "createStream" => self.create_stream(&command),
            "publish" => self.publish(stream, &mut command),
            "play" | "play2" => {
                self.refuse_play(stream);
                Ok(())
            }
            "FCUnpublish" => {
                // The command object, which is null.
                command.value()?;
                let name = command.string()?;
                let is_ours = self
                    .publishing
                    .name()
                    .is_some_and(|ours| ours.expose() == name);
                self.result(&command, Value::Undefined);
                self.unpublish(is_ours);
                Ok(())
            }
            "deleteStream" => {
                command.value()?;
                let number = command.value()?.as_f64();
                let is_ours = number.is_some() && number == self.publishing.stream().map(f64::from);
                self.unpublish(is_ours);
                Ok(())
            }
            "closeStream" => {
                self.unpublish(self.publishing.stream() == Some(stream));
                Ok(())
            }
            "getStreamLength" => {
                self.result(&command, Value::Number(0.0));
                Ok(())
            }
            // Answers to commands that we have not sent.
            "_result" | "_error" | "onStatus" => Ok(()),
            // `releaseStream`, `FCPublish`, `_checkbw` and whatever an encoder believes in: it goes on when it is answered.
            _ => {
                self.result(&command, Value::Undefined);
                Ok(())
            }
        }
    }

    /// Answers a command that wants to be answered.
    fn result(&mut self, command: &Command<'_>, value: Value) {
        if command.transaction > 0.0 {
            let values = [
                Value::string("_result"),
                Value::Number(command.transaction),
                Value::Null,
                value,
            ];
            let message = command::message(kind::COMMAND, 0, &values);
            self.link.send(ANSWER_STREAM, &message);
        }
    }

    fn connect(&mut self, command: &mut Command<'_>) -> Result<(), Fault> {
        let connect = Connect::read(&command.value()?);
        self.link.control(Control::Window(WINDOW));
        self.link.control(Control::Bandwidth(WINDOW));
        self.link.control(Control::ChunkSize(CHUNK_SIZE));
        self.link
            .send(ANSWER_STREAM, &connect.answer(command.transaction));
        self.connect = Some(connect);
        Ok(())
    }

    fn create_stream(&mut self, command: &Command<'_>) -> Result<(), Fault> {
        if self.streams >= STREAMS_MAX {
            return Err(Fault::Order {
                command: "createStream",
                why: "came too often",
            });
        }
        self.streams += 1;
        self.result(command, Value::Number(self.streams.into()));
        Ok(())
    }

    fn publish(&mut self, stream: u32, command: &mut Command<'_>) -> Result<(), Fault> {
        let order = |why| {
            Err(Fault::Order {
                command: "publish",
                why,
            })
        };
        if stream == 0 || stream > self.streams {
            return order("came on a stream that was not created");
        }
        if self.publishing.stream().is_some() {
            return order("came while another stream is published");
        }
        let Some(connect) = &self.connect else {
            return Err(early("publish"));
        };
        command.value()?;
        let name = StreamName::new(command.string()?);
        self.events.push_back(Event::Publish(Publish {
            app: connect.app.clone(),
            app_rest: connect.app_rest.clone(),
            name: name.clone(),
            encoder: connect.encoder.clone(),
            host: connect.host.clone(),
        }));
        self.publishing = Publishing::Pending {
            stream,
            name,
            held: Held::default(),
        };
        Ok(())
    }

    fn refuse_play(&mut self, stream: u32) {
        let code = "NetStream.Play.Failed";
        let why = "Nothing is played here, only published.";
        let status = command::on_status(stream, "error", code, why);
        self.link.send(STATUS_STREAM, &status);
    }

    /// Ends the stream, if it is the one that was meant.
    fn unpublish(&mut self, is_meant: bool) {
        let Some(stream) = self.publishing.stream().filter(|_| is_meant) else {
            return;
        };
        let status = Status::new(StatusCode::Unpublished, "No longer published.");
        self.link
            .send(STATUS_STREAM, &command::status(stream, &status));
        self.publishing = Publishing::Past;
        self.events.push_back(Event::Ended);
    }
}

fn early(command: &'static str) -> Fault {
    Fault::Order {
        command,
        why: "came before `connect`",
    }
}
