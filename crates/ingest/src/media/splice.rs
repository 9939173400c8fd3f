//! Joining audio that does not belong together, so that it does not click.

/// Time over which one sound goes over into another, as a fraction of a second: 5 ms.
const FADE: u32 = 200;

/// What was appended last, as far as a splice needs it.
#[derive(Debug)]
pub(super) struct Splice {
    fade_samples: usize,
    /// The newest samples of each channel: a frame, or what stood in for one.
    last: Vec<Vec<f32>>,
    /// What would have come next, while something else is to come: it fades out below it.
    leaving: Option<Vec<Vec<f32>>>,
    made: Vec<Vec<f32>>,
}

impl Splice {
    pub(super) fn new(channels: usize, rate: u32) -> Self {
        Self {
            fade_samples: usize::try_from(rate / FADE).unwrap_or(1).max(1),
            last: vec![Vec::new(); channels],
            leaving: None,
            made: vec![Vec::new(); channels],
        }
    }

    /// What comes next begins out of silence.
    pub(super) fn cut(&mut self) {
        self.last.iter_mut().for_each(Vec::clear);
        self.leaving = Some(vec![vec![0.0; self.fade_samples]; self.last.len()]);
    }

    /// The samples with what was left before faded out below them.
    pub(super) fn join(&mut self, samples: &[Vec<f32>]) -> &[Vec<f32>] {
        for (last, samples) in self.last.iter_mut().zip(samples) {
            last.clone_from(samples);
        }
        if let Some(leaving) = self.leaving.take() {
            for (last, leaving) in self.last.iter_mut().zip(&leaving) {
                let count = leaving.len().max(1);
                for (index, (sample, leaving)) in last.iter_mut().zip(leaving).enumerate() {
                    let share = fraction(index, count);
                    *sample = *sample * share + leaving * (1.0 - share);
                }
            }
        }
        &self.last
    }

    /// Samples that fade out from the last ones. What comes next begins out of silence.
    pub(super) fn fade(&mut self) -> &[Vec<f32>] {
        let count = self.fade_samples;
        for (made, last) in self.made.iter_mut().zip(&self.last) {
            let from = last.last().copied().unwrap_or_default();
            made.clear();
            made.extend((0..count).map(|index| from * (1.0 - fraction(index, count))));
        }
        self.cut();
        &self.made
    }

    /// Samples in place of ones that are lost: those before them, backwards, so that they follow on without a step, at half of the
    /// level. Several in a row fade out.
    pub(super) fn conceal(&mut self, samples: usize) -> &[Vec<f32>] {
        self.leaving = None;
        for (made, last) in self.made.iter_mut().zip(&mut self.last) {
            made.clear();
            made.extend(
                last.iter()
                    .rev()
                    .enumerate()
                    .map(|(index, sample)| sample * (1.0 - fraction(index, samples.max(1)) / 2.0)),
            );
            made.resize(samples, 0.0);
            last.clone_from(made);
        }
        // The frame after it goes on from where this one would have gone: back along the samples before.
        let fade = self.fade_samples;
        let held = |last: &Vec<f32>| vec![last.last().copied().unwrap_or_default(); fade];
        self.leaving = Some(self.last.iter().map(held).collect());
        &self.made
    }

    /// These samples are left out: what comes next takes over from their beginning.
    pub(super) fn leave_out(&mut self, samples: &[Vec<f32>]) {
        if self.leaving.is_none() {
            let head =
                |samples: &Vec<f32>| samples.iter().take(self.fade_samples).copied().collect();
            self.leaving = Some(samples.iter().map(head).collect());
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "at most some thousands of samples"
)]
fn fraction(index: usize, count: usize) -> f32 {
    index as f32 / count as f32
}
