// SPDX-License-Identifier: Apache-2.0

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import javax.imageio.ImageIO;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacv.FFmpegFrameGrabber;
import org.lvsa.toolkit.video.FrameMetrics;

/**
 * Compares what lvsa generate wrote with the frames that the published pipeline recorded: pictures
 * differ by at most one level in under one per cent of the values, and the mp4 has their size, rate
 * and number and at least 30 dB. Arguments: recorded run, folder of pictures, mp4, frames per second.
 */
final class GoldenFrames {
  public static void main(String[] arguments) throws Exception {
    avutil.av_log_set_level(avutil.AV_LOG_ERROR);
    byte[] file = Files.readAllBytes(Path.of(arguments[0]));
    int header = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
    JsonNode info = new ObjectMapper().readTree(file, 8, header).get("frames_uint8_round");
    int frames = info.get("shape").get(1).intValue();
    int height = info.get("shape").get(2).intValue();
    int width = info.get("shape").get(3).intValue();
    int bytes = width * height * 3;
    int begin = 8 + header + info.get("data_offsets").get(0).intValue();
    int differ = 0;
    try (FFmpegFrameGrabber video = new FFmpegFrameGrabber(arguments[2])) {
      video.setPixelFormat(avutil.AV_PIX_FMT_RGB24);
      video.start();
      require(video.getImageWidth() == width && video.getImageHeight() == height, "the mp4's size");
      require(video.getVideoFrameRate() == Double.parseDouble(arguments[3]), "the mp4's rate");
      for (int t = 0; t < frames; t++) {
        byte[] expected = Arrays.copyOfRange(file, begin + t * bytes, begin + (t + 1) * bytes);
        var picture = ImageIO.read(Path.of(arguments[1], "frame-%05d.png".formatted(t)).toFile());
        var decoded = video.grabImage();
        require(decoded != null, "the mp4's number of frames");
        ByteBuffer plane = (ByteBuffer) decoded.image[0];
        byte[] coded = new byte[bytes];
        for (int y = 0; y < height; y++) {
          plane.get(y * decoded.imageStride, coded, y * width * 3, width * 3);
        }
        for (int i = 0; i < bytes; i++) {
          int value = picture.getRGB(i / 3 % width, i / 3 / width) >> 16 - 8 * (i % 3) & 0xFF;
          int difference = Math.abs(value - (expected[i] & 0xFF));
          require(difference <= 1, "frame " + t + ", byte " + i);
          differ += difference;
        }
        double psnr = FrameMetrics.psnr(expected, coded);
        require(psnr >= 30, "frame " + t + " of the mp4, " + psnr + " dB");
      }
      require(video.grabImage() == null, "the mp4's number of frames");
    }
    require(differ < 0.01 * frames * bytes, differ + " bytes differ");
    System.out.println(differ + " of " + frames * bytes + " bytes of the pictures differ by one");
  }

  private static void require(boolean holds, String what) {
    if (!holds) {
      throw new IllegalStateException("not as recorded: " + what);
    }
  }
}
