//! ResNet-50 with random weights.
//!
//! tch's own network is not traced: its `flat_view` would write the batch size of the trace into the
//! file. The same forward is written as TorchScript over the same weights instead, and compared with
//! tch's before it counts.

use std::{fmt::Write, fs, path::Path};

use tch::{
    CModule, Device, Kind, TchError, Tensor,
    nn::{ModuleT, VarStore},
    vision::resnet::resnet50,
};

use crate::define::{Attributes, define};

/// Blocks in each of the four layers.
const BLOCKS: [usize; 4] = [3, 4, 6, 3];
const CLASSES: i64 = 1000;

/// Makes the model and compares it with tch's on two images.
pub(crate) fn make(path: &Path) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    tch::manual_seed(50);
    let mut store = VarStore::new(Device::Cpu);
    let network = resnet50(&store.root(), CLASSES);
    store.freeze();
    let mut parameters: Vec<(String, Tensor)> =
        store.variables().into_iter().map(|(name, tensor)| (attribute(&name), tensor)).collect();
    // A HashMap's order is another each time; the file shall not be.
    parameters.sort_by(|(one, _), (other, _)| one.cmp(other));
    define(path, &source(), Attributes { parameters: &parameters, buffers: &[] })?;
    let difference = difference(path, &network).map_err(|error| error.to_string())?;
    if difference > 1e-4 {
        return Err(format!("the model made differs from tch's by {difference}"));
    }
    Ok(())
}

/// The largest difference between the outputs of the file and of tch's network, as a part of the
/// largest output.
fn difference(path: &Path, network: &impl ModuleT) -> Result<f64, TchError> {
    let images = Tensor::f_randn([2, 3, 224, 224], (Kind::Float, Device::Cpu))?;
    let made = CModule::load(path)?.forward_ts(&[&images])?;
    let expected = network.forward_t(&images, false);
    let largest = |tensor: &Tensor| tensor.f_abs()?.f_max()?.f_double_value(&[]);
    Ok(largest(&made.f_sub(&expected)?)? / largest(&expected)?)
}

/// The whole network; the stride of a layer is in its first block (version 1.5, as torchvision's).
fn source() -> String {
    let mut source = String::from("\ndef forward(self, x: Tensor) -> Tensor:\n");
    let mut line = |text: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(source, "    {text}");
    };
    line(format!("x = torch.relu({})", convolved("x", "conv1", "bn1", 2, 3)));
    line("x = torch.max_pool2d(x, [3, 3], [2, 2], [1, 1])".to_owned());
    for (layer, blocks) in BLOCKS.into_iter().enumerate() {
        for block in 0..blocks {
            let at = format!("layer{}_{block}_", layer + 1);
            let stride = if block == 0 && layer > 0 { 2 } else { 1 };
            for (convolution, stride, padding) in [(1, 1, 0), (2, stride, 1), (3, 1, 0)] {
                let from = if convolution == 1 { "x" } else { "y" };
                let (weight, norm) =
                    (format!("{at}conv{convolution}"), format!("{at}bn{convolution}"));
                let y = convolved(from, &weight, &norm, stride, padding);
                line(if convolution < 3 {
                    format!("y = torch.relu({y})")
                } else {
                    format!("y = {y}")
                });
            }
            if block == 0 {
                let (weight, norm) = (format!("{at}downsample_0"), format!("{at}downsample_1"));
                line(format!("x = {}", convolved("x", &weight, &norm, stride, 0)));
            }
            line("x = torch.relu(x + y)".to_owned());
        }
    }
    line("x = torch.flatten(torch.adaptive_avg_pool2d(x, [1, 1]), 1)".to_owned());
    line("return torch.linear(x, self.fc_weight, self.fc_bias)".to_owned());
    source
}

/// A convolution without bias and the normalisation after it (torch's epsilon, 1e-5).
fn convolved(from: &str, weight: &str, norm: &str, stride: u8, padding: u8) -> String {
    format!(
        "torch.batch_norm(torch.conv2d({from}, self.{weight}_weight, None, [{stride}, {stride}], \
         [{padding}, {padding}]), self.{norm}_weight, self.{norm}_bias, self.{norm}_running_mean, \
         self.{norm}_running_var, False, 0.1, 1e-5, True)"
    )
}

/// A variable's name as an attribute of `self`.
fn attribute(name: &str) -> String {
    name.replace('.', "_")
}
