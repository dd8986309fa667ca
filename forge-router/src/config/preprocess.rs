//! `[models.NAME.preprocess]`: how an image becomes the tensor that the model takes.

use std::num::NonZeroU64;

use toml::Value;

use super::inputs::DeclaredInput;
use super::section::Section;
use crate::tensor::Dtype;

const MAX_PIXELS: NonZeroU64 = NonZeroU64::new(1 << 25).unwrap();
const MOST_PIXELS: u64 = 1 << 32;
const LONGEST_SIDE: u32 = 16_384;

const SIZE: &str = "pixels from 1 to 16384, or [height, width] in them";
const CHANNELS: &str = "one number for each of the three channels";

/// The steps from an image to a tensor, in this order: resize, crop, scale, mean, std, layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocess {
    /// The argument that the image is for; the model's only one where it is left out.
    pub input: Option<String>,
    pub resize: Option<Resize>,
    pub center_crop: Option<Size>,
    /// What a channel, which is 0 to 255, is multiplied with.
    pub scale: f64,
    /// Subtracted from each channel, in the order of `color`.
    pub mean: [f64; 3],
    /// What each channel is divided by then; never 0.
    pub std: [f64; 3],
    pub layout: Layout,
    pub color: Color,
    /// An image with more is refused before it is decoded.
    pub max_pixels: NonZeroU64,
}

/// As torchvision's `Resize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// The shorter side becomes so long, and the other one keeps its ratio to it.
    ShorterSide(u32),
    Exactly(Size),
}

/// Pixels, at least one in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub height: u32,
    pub width: u32,
}

/// The order of a tensor's dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Channels, height, width: PyTorch's.
    Chw,
    /// Height, width, channels: TensorFlow's.
    Hwc,
}

/// The order of the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Rgb,
    /// OpenCV's.
    Bgr,
}

impl Layout {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chw => "CHW",
            Self::Hwc => "HWC",
        }
    }
}

impl Color {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rgb => "RGB",
            Self::Bgr => "BGR",
        }
    }
}

impl Preprocess {
    /// The shape of the tensor that an image of this size becomes.
    pub fn shape(&self, size: Size) -> [u64; 3] {
        let (height, width) = (size.height.into(), size.width.into());
        match self.layout {
            Layout::Chw => [3, height, width],
            Layout::Hwc => [height, width, 3],
        }
    }

    /// The shape of every tensor, where it is the same for all images.
    pub fn fixed_shape(&self) -> Option<[u64; 3]> {
        let size = match (self.center_crop, self.resize) {
            (Some(size), _) | (None, Some(Resize::Exactly(size))) => size,
            _ => return None,
        };
        Some(self.shape(size))
    }
}

/// Reads `preprocess` of a model; `None` where the key is left out.
pub(super) fn read(model: &mut Section<'_>) -> Option<Preprocess> {
    let key = model.key("preprocess");
    let table = match model.take("preprocess")? {
        Value::Table(table) => table,
        other => {
            model.problems().value(&key, &other, format!("a table: [{key}]"), None);
            return None;
        }
    };
    let mut section = Section::new(&key, table, model.problems());
    let preprocess = Preprocess {
        input: section.text("input", "the name of one of the model's arguments"),
        resize: section.optional("resize", SIZE, resize),
        center_crop: section.optional("center_crop", SIZE, crop),
        scale: section.optional("scale", "a number", number).unwrap_or(1.0 / 255.0),
        mean: section.optional("mean", CHANNELS, channels).unwrap_or([0.0; 3]),
        std: section
            .optional("std", "a number that is not 0 for each channel", std)
            .unwrap_or([1.0; 3]),
        layout: section.optional("layout", "\"CHW\" or \"HWC\"", layout).unwrap_or(Layout::Chw),
        color: section.optional("color", "\"RGB\" or \"BGR\"", color).unwrap_or(Color::Rgb),
        max_pixels: section.size("max_pixels", MOST_PIXELS, " of pixels").unwrap_or(MAX_PIXELS),
    };
    section.finish();
    Some(preprocess)
}

/// Why what is declared of the input is not what an image becomes.
pub(super) fn check(preprocess: &Preprocess, inputs: &[DeclaredInput]) -> Result<(), String> {
    let input = match &preprocess.input {
        Some(name) => inputs.iter().find(|input| input.name == *name),
        None => inputs.first().filter(|_| inputs.len() == 1),
    };
    let Some(DeclaredInput { name, dtype, shape, .. }) = input else { return Ok(()) };
    if !matches!(
        dtype,
        Dtype::Uint8 | Dtype::Float16 | Dtype::Bfloat16 | Dtype::Float32 | Dtype::Float64
    ) {
        return Err(format!(
            "an image becomes floats or uint8, but input '{name}' is declared as {dtype}"
        ));
    }
    let made = preprocess.fixed_shape().map(|dims| dims.map(Some));
    let is_color = |dim: &Option<u64>| dim.is_none_or(|dim| dim == 3);
    let fits = shape.len() == 3
        && match (made, preprocess.layout) {
            (Some(made), _) => made
                .iter()
                .zip(shape)
                .all(|(made, declared)| declared.is_none() || made == declared),
            (None, Layout::Chw) => is_color(&shape[0]),
            (None, Layout::Hwc) => is_color(&shape[2]),
        };
    if fits {
        return Ok(());
    }
    let show = |dims: &[Option<u64>]| {
        let dims = dims.iter().map(|dim| dim.map_or("-1".to_owned(), |dim| dim.to_string()));
        dims.collect::<Vec<_>>().join(", ")
    };
    let made = made.unwrap_or(match preprocess.layout {
        Layout::Chw => [Some(3), None, None],
        Layout::Hwc => [None, None, Some(3)],
    });
    Err(format!(
        "an image becomes [{}], but input '{name}' is declared as [{}]",
        show(&made),
        show(shape)
    ))
}

fn side(value: &Value) -> Option<u32> {
    let side = u32::try_from(value.as_integer()?).ok()?;
    (1..=LONGEST_SIDE).contains(&side).then_some(side)
}

fn size(value: &Value) -> Option<Size> {
    let [height, width] = value.as_array()?.as_slice() else { return None };
    Some(Size { height: side(height)?, width: side(width)? })
}

fn resize(value: &Value) -> Option<Resize> {
    side(value).map(Resize::ShorterSide).or_else(|| size(value).map(Resize::Exactly))
}

fn crop(value: &Value) -> Option<Size> {
    let square = |side| Size { height: side, width: side };
    side(value).map(square).or_else(|| size(value))
}

fn number(value: &Value) -> Option<f64> {
    let number = value.as_float().or_else(|| value.as_integer().map(|number| number as f64))?;
    // The arithmetic is in float32.
    (number as f32).is_finite().then_some(number)
}

fn channels(value: &Value) -> Option<[f64; 3]> {
    let [one, two, three] = value.as_array()?.as_slice() else { return None };
    Some([number(one)?, number(two)?, number(three)?])
}

fn std(value: &Value) -> Option<[f64; 3]> {
    channels(value).filter(|std| std.iter().all(|one| *one as f32 != 0.0))
}

fn layout(value: &Value) -> Option<Layout> {
    [Layout::Chw, Layout::Hwc].into_iter().find(|layout| value.as_str() == Some(layout.name()))
}

fn color(value: &Value) -> Option<Color> {
    [Color::Rgb, Color::Bgr].into_iter().find(|color| value.as_str() == Some(color.name()))
}
