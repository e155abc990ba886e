// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.network;

/** The networks that the dimensions of quality are built on. */
public enum Network {
  /** CLIP ViT-B/16's picture encoder: a vector per frame. */
  CLIP_IMAGE("clip_image", "CLIP's picture encoder"),
  /** CLIP ViT-B/16's text encoder: a vector for the prompt. */
  CLIP_TEXT("clip_text", "CLIP's text encoder"),
  /** DINOv2 ViT-B/14: the class token of each frame. */
  DINO("dino", "DINOv2"),
  /** BRISQUE: a number per frame, 0 to 100, less is better. */
  BRISQUE("brisque", "BRISQUE"),
  /** NIQE: a number per frame, above 0, less is better. */
  NIQE("niqe", "NIQE"),
  /** CLIP-IQA: a number per frame, 0 to 1, more is better. */
  CLIP_IQA("clip_iqa", "CLIP-IQA"),
  /** CLIP-IQA+: a number per frame, 0 to 1, more is better. */
  AESTHETIC("clip_iqa_plus", "CLIP-IQA+"),
  /** A pose and hand model: how many anatomical errors the whole video has. */
  POSE("anatomical_errors", "a pose and hand model");

  private final String field;
  private final String title;

  Network(String field, String title) {
    this.field = field;
    this.title = title;
  }

  /** Its name in a file of results. */
  public String field() {
    return field;
  }

  /** Its name in a sentence. */
  public String title() {
    return title;
  }
}
