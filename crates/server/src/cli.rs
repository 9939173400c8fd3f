//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use model::AccountId;

use crate::config::Settings;
use crate::doctor::DoctorArgs;
use crate::load::LoadArgs;
use crate::token::{ExplainArgs, MintArgs};

/// A self-hosted server for the stages of Amazon IVS Real-Time Streaming.
#[derive(Debug, Parser)]
#[command(name = "downstage", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a server for one developer: this machine only, access key `test` with secret `test`, data in `./data`.
    Dev {
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Run a server for everybody, with access keys of its own.
    Serve {
        /// The configuration file.
        #[arg(long, env = "DOWNSTAGE_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Check that a server could run here: configuration, ports, kernel, data folder, and the addresses clients would be offered.
    /// With --server, whether those of a running one are reached. Ends with 1 if something failed.
    Doctor(DoctorArgs),
    /// Make new keys; without more words an access key.
    #[command(args_conflicts_with_subcommands = true)]
    Keygen {
        #[command(subcommand)]
        command: Option<KeygenCommand>,
        #[command(flatten)]
        access_key: AccessKeyArgs,
    },
    /// Publish to a server and view it many times over, with real connections, and report what the viewers saw.
    Load(Box<LoadArgs>),
    /// Make, show and explain participant and connection tokens.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Print documentation of the settings.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeygenCommand {
    /// Print a new random access key as an entry for the configuration file.
    AccessKey(AccessKeyArgs),
    /// Make a key pair with which you sign tokens yourself.
    ParticipantKey {
        /// Write NAME.pem (private) and NAME.pub.pem (to be imported), neither of which may exist; - prints both.
        #[arg(long, value_name = "NAME", default_value = "participant-key")]
        out: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct AccessKeyArgs {
    /// The account that the key is for: twelve digits.
    #[arg(long, value_parser = AccountId::parse, default_value = "000000000000")]
    pub(crate) account: AccountId,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Sign a token yourself, with the private half of an imported key. Prints the token and nothing else.
    Mint(Box<MintArgs>),
    /// Say whether a token would be let in, and if not, every reason. Ends with 0 if it would be, with 1 if not.
    Explain(Box<ExplainArgs>),
    /// Show what a token says and when it ends. Its signature is not verified.
    Decode {
        /// The token; read from standard input if left out.
        token: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// A sample configuration file.
    Sample,
    /// The reference page of all keys, in Markdown.
    Reference,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn the_version_is_that_of_downstage() {
        let told = Cli::try_parse_from(["downstage", "--version"]).unwrap_err();
        assert!(told.to_string().starts_with("downstage 0"), "{told}");
    }

    #[test]
    fn ports_and_switches_of_dev_are_read() {
        let cli = Cli::try_parse_from([
            "downstage",
            "dev",
            "--http",
            "127.0.0.1:0",
            "--media",
            "127.0.0.1:0",
            "--ephemeral",
            "--session-grace",
            "2s",
            "--media-workers",
            "2",
            "--rates",
            "false",
        ]);
        let Command::Dev { settings } = cli.unwrap().command else {
            panic!("not dev")
        };
        assert_eq!(settings.ephemeral, Some(true));
        assert_eq!(settings.rates, Some(false));
        assert_eq!(settings.media.workers, Some(2));
    }

    #[test]
    fn a_malformed_access_key_is_refused_without_being_shown() {
        let parse =
            || Cli::try_parse_from(["downstage", "serve", "--access-key", "AKID/hunter2hunter2"]);
        let Command::Serve { settings, .. } = parse().unwrap().command else {
            panic!("not serve")
        };
        let error =
            crate::config::Config::load(crate::config::Mode::Serve, *settings, None).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }
}
