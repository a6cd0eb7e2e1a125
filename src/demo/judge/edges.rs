//! The border of the sample call: each side of the picture has a colour of its own, 8 pixels thick. A picture
//! that is shifted, cut or scaled has a thinner or a thicker one somewhere.

use std::path::Path;

use super::{JudgeError, facts, programs, strip::BORDER};

/// A colour channel at least so bright is on.
const ON: f64 = 150.0;
/// A colour channel at most so bright is off.
const OFF: f64 = 105.0;
/// How far inside the picture a border is followed.
const DEEPEST: usize = 64;
/// A border of a picture that fits may be so many pixels off, for compression.
const TOLERANCE: usize = 1;

/// One side of the border.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Mean red, green and blue of the outermost line of pixels, 0 to 255.
    pub colour: [f64; 3],
    /// Lines of the right colour, counted from outside: 8 in a picture that fits, 0 when the outermost is wrong.
    pub thickness: usize,
}

/// All sides of the border.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edges {
    /// Red.
    pub top: Edge,
    /// Green.
    pub right: Edge,
    /// Blue.
    pub bottom: Edge,
    /// Yellow.
    pub left: Edge,
}

impl Edges {
    /// Whether the picture fills its frame: nothing is cut, shifted or scaled on any side.
    pub fn fit(&self) -> bool {
        let sides = [self.top, self.right, self.bottom, self.left];
        sides.iter().all(|side| side.thickness.abs_diff(BORDER) <= TOLERANCE)
    }
}

#[derive(Clone, Copy)]
enum Side {
    Top,
    Right,
    Bottom,
    Left,
}

struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// Measures the border of the picture at a time.
pub(super) async fn at(path: &Path, second: f64) -> Result<Edges, JudgeError> {
    let picture = picture(path, second).await?;
    Ok(Edges {
        top: picture.edge(Side::Top, [true, false, false]),
        right: picture.edge(Side::Right, [false, true, false]),
        bottom: picture.edge(Side::Bottom, [false, false, true]),
        left: picture.edge(Side::Left, [true, true, false]),
    })
}

async fn picture(path: &Path, second: f64) -> Result<Picture, JudgeError> {
    let lacking = || JudgeError::Lacking { path: path.to_owned(), what: "picture at that time" };
    let (width, height) = facts::size(path).await?.ok_or_else(lacking)?;
    let mut command = programs::ffmpeg();
    command.args(["-ss", &second.to_string(), "-i"]).arg(path);
    command.args(["-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1"]);
    let rgb = programs::run(command, path).await?.output;
    if rgb.len() != width * height * 3 || rgb.is_empty() {
        return Err(lacking());
    }
    Ok(Picture { width, height, rgb })
}

impl Picture {
    fn edge(&self, side: Side, wanted: [bool; 3]) -> Edge {
        let depths = 0..DEEPEST.min(self.width).min(self.height);
        let is_right = |depth: &usize| matches(self.line(side, *depth), wanted);
        Edge { colour: self.line(side, 0), thickness: depths.take_while(is_right).count() }
    }

    /// The mean colour of a line parallel to a side, without its ends, where other sides meet it.
    fn line(&self, side: Side, depth: usize) -> [f64; 3] {
        let length = match side {
            Side::Top | Side::Bottom => self.width,
            Side::Left | Side::Right => self.height,
        };
        let (mut sum, inner) = ([0.0; 3], length / 10..length - length / 10);
        let count = inner.len() as f64;
        for along in inner {
            let (x, y) = match side {
                Side::Top => (along, depth),
                Side::Right => (self.width - 1 - depth, along),
                Side::Bottom => (along, self.height - 1 - depth),
                Side::Left => (depth, along),
            };
            let pixel = &self.rgb[(y * self.width + x) * 3..][..3];
            for (sum, channel) in sum.iter_mut().zip(pixel) {
                *sum += f64::from(*channel);
            }
        }
        sum.map(|sum| sum / count)
    }
}

fn matches(colour: [f64; 3], wanted: [bool; 3]) -> bool {
    let is_right = |(level, on): (f64, bool)| if on { level >= ON } else { level <= OFF };
    colour.into_iter().zip(wanted).all(is_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A black picture whose top is red from line `from` on, `thickness` lines thick.
    fn with_top(from: usize, thickness: usize) -> Edge {
        let (width, height) = (100, 80);
        let mut rgb = vec![0; width * height * 3];
        for pixel in rgb[from * width * 3..(from + thickness) * width * 3].chunks_exact_mut(3) {
            pixel[0] = 255;
        }
        let picture = Picture { width, height, rgb };
        picture.edge(Side::Top, [true, false, false])
    }

    #[test]
    fn a_shifted_or_cut_picture_has_another_border() {
        assert_eq!(with_top(0, 8).thickness, 8);
        assert_eq!(with_top(0, 5).thickness, 5);
        assert_eq!(with_top(1, 8).thickness, 0);
        assert!(with_top(1, 8).colour[0].abs() < f64::EPSILON);
    }
}
