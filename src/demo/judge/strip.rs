//! Where the sample call has its marks, and how its strip is read. Pure.
//!
//! The picture is divided into 32 columns and 18 rows. In row 16, from column 2 on, lie 27 squares, white for 1
//! and black for 0: a white and a black one to know the two by, 24 bits of the frame counter with the
//! highest first, and one that makes the number of white squares among counter and parity even. The flash
//! covers columns 28 and 29 of rows 1 and 2. `call.html` draws by the same numbers.

/// The picture is so many columns wide.
pub(super) const COLUMNS: usize = 32;
/// The picture is so many rows high.
pub(super) const ROWS: usize = 18;
/// The border is so many pixels thick.
pub(super) const BORDER: usize = 8;
/// First column and row of the strip.
pub(super) const STRIP: (usize, usize) = (2, 16);
/// First column and row of the flash, and its size in both directions.
pub(super) const FLASH: (usize, usize, usize) = (28, 1, 2);
/// Squares of the strip.
pub(super) const SQUARES: usize = MARKERS + COUNTER_BITS + 1;

const MARKERS: usize = 2;
const COUNTER_BITS: usize = 24;
/// White and black of a legible strip are at least so far apart, of 255.
const CONTRAST: f64 = 60.0;

/// What the strip of a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The frame counter.
    Counter(u32),
    /// Its parity is wrong: two frames in one, or a picture that suffered.
    Torn,
    /// There is no strip.
    Absent,
}

/// The level that divides white from black by the two marker squares; `None` when they are not there.
pub(super) fn threshold(levels: &[f64]) -> Option<f64> {
    let (white, black) = (levels.first()?, levels.get(1)?);
    (white - black > CONTRAST).then_some(f64::midpoint(*white, *black))
}

/// Reads the levels of all squares, 0 to 255.
pub(super) fn read(levels: &[f64]) -> Mark {
    let Some(threshold) = threshold(levels) else {
        return Mark::Absent;
    };
    let (mut counter, mut ones) = (0, 0);
    for (index, level) in levels.iter().enumerate().take(SQUARES).skip(MARKERS) {
        let one = u32::from(*level > threshold);
        ones += one;
        if index < MARKERS + COUNTER_BITS {
            counter = counter << 1 | one;
        }
    }
    if ones % 2 == 0 { Mark::Counter(counter) } else { Mark::Torn }
}

/// The squares of a strip, true for white.
#[cfg(test)]
pub(super) fn squares(counter: u32) -> Vec<bool> {
    let mut squares = vec![true, false];
    squares.extend((0..COUNTER_BITS).rev().map(|bit| counter >> bit & 1 == 1));
    squares.push(counter.count_ones() % 2 == 1);
    squares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(counter: u32) -> Vec<f64> {
        let level = |white: bool| if white { 200.0 } else { 30.0 };
        squares(counter).into_iter().map(level).collect()
    }

    #[test]
    fn a_counter_survives_grey_squares() {
        for counter in [0, 1, 30, 0xAB_CDEF, 0xFF_FFFF] {
            assert_eq!(read(&levels(counter)), Mark::Counter(counter));
        }
    }

    #[test]
    fn one_wrong_square_is_told() {
        let mut levels = levels(12345);
        levels[20] = 230.0 - levels[20];
        assert_eq!(read(&levels), Mark::Torn);
    }

    #[test]
    fn a_black_picture_has_no_strip() {
        assert_eq!(read(&[16.0; SQUARES]), Mark::Absent);
        assert_eq!(read(&[]), Mark::Absent);
    }

    #[test]
    fn the_page_draws_by_the_same_numbers() {
        let page = include_str!("../call.html");
        let numbers = [
            format!("COLUMNS = {COLUMNS}\n"),
            format!("ROWS = {ROWS}\n"),
            format!("BORDER = {BORDER}\n"),
            format!("COUNTER_BITS = {COUNTER_BITS}\n"),
            format!("STRIP = {{ column: {}, row: {} }}", STRIP.0, STRIP.1),
            format!("FLASH = {{ column: {}, row: {}, size: {} }}", FLASH.0, FLASH.1, FLASH.2),
        ];
        for number in numbers {
            assert!(page.contains(&number), "{number}");
        }
    }
}
