import { AddressesDocument, AddressSaveDocument, type Kit } from "@holdfast/kit";
import { accepted } from "./words";

/** Where goods go, as the form has it; "" where nothing was typed. */
export interface Address {
  name: string;
  phone: string;
  province: string;
  city: string;
  district: string;
  street: string;
}

/** An empty form. */
export const emptyAddress = (): Address => ({ name: "", phone: "", province: "", city: "", district: "", street: "" });

/** What is missing in a form, in words; "" when nothing is. The server has the last word. */
export function problemOf(address: Address): string {
  const needed: [keyof Address, string][] = [
    ["name", "请填写收货人"], ["phone", "请填写手机号"], ["province", "请选择地区"], ["city", "请选择地区"], ["street", "请填写详细地址"],
  ];
  return needed.find(([field]) => !address[field].trim())?.[1] ?? "";
}

/** The address to show first; null when the buyer has none. */
export async function defaultAddress(kit: Kit): Promise<Address | null> {
  await kit.login();
  const { viewer } = await kit.query(AddressesDocument, {});
  const saved = viewer?.__typename === "Buyer" ? viewer.addresses : [];
  const address = (saved.find((a) => a.isDefault) ?? saved[0])?.address;
  if (!address) {
    return null;
  }
  const { name, phone, province, city, street } = address;
  return { name, phone, province, city, street, district: address.district ?? "" };
}

/** Keeps an address for the next time. */
export async function saveAddress(kit: Kit, address: Address): Promise<void> {
  const { addressSave } = await kit.mutate(AddressSaveDocument, { input: { address: shipTo(address), isDefault: true } });
  accepted(addressSave.userErrors);
}

/** The form as the server takes it. */
export function shipTo(address: Address) {
  return { ...address, district: address.district || null };
}
